# Code objects for AMD GPUs: code/ARCH/NAME.co, one bare ELF for each NAME.hip and each
# architecture, by the target `amdgpu`; mutants/NAME.ID.ARCH/*.co, by the target `mutants_amdgpu`.
# Either has a part TARGET-ARCH. Custom commands, because CMake's HIP language needs a ROCm tree and
# makes no bare objects. Every architecture is probed here; one that cannot be built is said so now,
# and again as an error when a target is built.
set(HARNESS_AMDGPU_ARCHS gfx942 gfx950 CACHE STRING "AMD architectures to build kernels for")

# ROCm's compiler brings the real headers; any other needs LLVM 21 or later, for gfx950.
find_program(HARNESS_AMDGPU_CLANG
    NAMES amdclang /opt/rocm/llvm/bin/amdclang /opt/rocm/lib/llvm/bin/clang hipcc clang-22 clang-21
        ${CMAKE_SOURCE_DIR}/.amdgpu-clang/root/usr/lib/llvm-22/bin/clang
    DOC "Compiler of AMD GPU kernels")

if(HARNESS_AMDGPU_CLANG MATCHES "rocm|amdclang|hipcc")
    # The shim stands behind ROCm's own hip_runtime.h; our other headers are found in it.
    set(amdgpu_headers -idirafter ${CMAKE_SOURCE_DIR}/kernels/include)
else()
    set(amdgpu_headers -nogpuinc -nogpulib -I ${CMAKE_SOURCE_DIR}/kernels/include)
endif()
# Without the compilation's id and this tree's path, every build of a kernel has the same bytes.
set(amdgpu_command ${HARNESS_AMDGPU_CLANG} -x hip --cuda-device-only --no-gpu-bundle-output
    -O3 -ffp-contract=off -fuse-cuid=none -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=
    ${amdgpu_headers} -I ${CMAKE_SOURCE_DIR})

# Sets `result` to why `arch` cannot be built, or to nothing.
function(harness_amdgpu_probe arch result)
    if(NOT HARNESS_AMDGPU_CLANG)
        set(${result} "no compiler for AMD GPUs; ci/get-amdgpu-clang .amdgpu-clang fetches one, \
-DHARNESS_AMDGPU_CLANG=PATH names one" PARENT_SCOPE)
        return()
    endif()
    set(source ${CMAKE_BINARY_DIR}/amdgpu/probe.hip)
    file(WRITE ${source} "__attribute__((global)) void probe(float *x) { *x = 1; }\n")
    execute_process(
        COMMAND ${amdgpu_command} -nogpuinc -nogpulib --offload-arch=${arch}
            -o ${CMAKE_BINARY_DIR}/amdgpu/probe.co ${source}
        RESULT_VARIABLE status OUTPUT_QUIET ERROR_VARIABLE why)
    if(NOT status EQUAL 0)
        string(REGEX REPLACE "\n.*" "" why "${why}")
        set(${result} "${HARNESS_AMDGPU_CLANG} cannot build for it: ${why}" PARENT_SCOPE)
    else()
        set(${result} "" PARENT_SCOPE)
    endif()
endfunction()

# Adds the code object of one kernel for one architecture to `list`.
function(harness_amdgpu_kernel kernel arch list)
    cmake_path(GET kernel STEM name)
    set(object ${CMAKE_BINARY_DIR}/code/${arch}/${name}.co)
    add_custom_command(OUTPUT ${object} DEPFILE ${object}.d VERBATIM
        COMMAND ${amdgpu_command} --offload-arch=${arch} -Wall -Wextra -Werror
            -Xclang -dependency-file -Xclang ${object}.d -Xclang -MT -Xclang ${object}
            -o ${object} ${CMAKE_SOURCE_DIR}/${kernel}
        DEPENDS ${CMAKE_SOURCE_DIR}/${kernel}
        COMMENT "Compiling ${kernel} for ${arch}")
    set(${list} ${${list}} ${object} PARENT_SCOPE)
endfunction()

# Adds the target `target`-`arch`: it makes the files behind `why`, or fails when that is a reason.
function(harness_amdgpu_target target arch why)
    if(why)
        add_custom_target(${target}-${arch} VERBATIM
            COMMAND ${CMAKE_COMMAND} -E echo "Kernels for ${arch} cannot be built: ${why}"
            COMMAND ${CMAKE_COMMAND} -E false)
    else()
        add_custom_target(${target}-${arch} DEPENDS ${ARGN})
    endif()
    add_dependencies(${target} ${target}-${arch})
endfunction()

add_custom_target(amdgpu)
add_custom_target(mutants_amdgpu)
foreach(arch IN LISTS HARNESS_AMDGPU_ARCHS)
    harness_amdgpu_probe(${arch} why)
    set(objects)
    set(mutants)
    if(why)
        message(STATUS "Kernels for ${arch} cannot be built: ${why}")
    else()
        message(STATUS "Kernels for ${arch} are built by ${HARNESS_AMDGPU_CLANG}")
        file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/code/${arch})
        foreach(kernel IN LISTS kernel_sources)
            harness_amdgpu_kernel(${kernel} ${arch} objects)
        endforeach()
        harness_mutant_code(${arch} co mutants ${amdgpu_command} --offload-arch=${arch})
    endif()
    harness_amdgpu_target(amdgpu ${arch} "${why}" ${objects})
    harness_amdgpu_target(mutants_amdgpu ${arch} "${why}" ${mutants})
endforeach()
