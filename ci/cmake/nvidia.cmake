# Code for NVIDIA GPUs, where the CUDA toolkit is installed: code/ARCH/NAME.fatbin for each
# NAME.hip, by the target `nvidia`; mutants/NAME.ID.ARCH/*.fatbin, by the target `mutants_nvidia`.
set(HARNESS_NVIDIA_ARCH sm_90 CACHE STRING "NVIDIA architecture to build kernels for")
find_program(HARNESS_NVCC NAMES nvcc PATHS /usr/local/cuda/bin DOC "CUDA compiler")

if(HARNESS_NVCC)
    # The compiler proves against the real header that the driver is called as it wants to be.
    cmake_path(GET HARNESS_NVCC PARENT_PATH cuda)
    set_source_files_properties(harness/gpu/signatures_cuda.c PROPERTIES
        COMPILE_OPTIONS "-isystem;${cuda}/../include")
endif()

set(nvidia_command ${HARNESS_NVCC} -x cu -arch=${HARNESS_NVIDIA_ARCH} -O3 --fmad=false
    -I ${CMAKE_SOURCE_DIR}/kernels/include -I ${CMAKE_SOURCE_DIR} -fatbin)

set(objects)
if(HARNESS_NVCC)
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/code/${HARNESS_NVIDIA_ARCH})
    foreach(kernel IN LISTS kernel_sources)
        cmake_path(GET kernel STEM name)
        set(object ${CMAKE_BINARY_DIR}/code/${HARNESS_NVIDIA_ARCH}/${name}.fatbin)
        add_custom_command(OUTPUT ${object} DEPFILE ${object}.d VERBATIM
            COMMAND ${nvidia_command} -Werror all-warnings -MD -MF ${object}.d
                -o ${object} ${CMAKE_SOURCE_DIR}/${kernel}
            DEPENDS ${CMAKE_SOURCE_DIR}/${kernel}
            COMMENT "Compiling ${kernel} for ${HARNESS_NVIDIA_ARCH}")
        list(APPEND objects ${object})
    endforeach()
else()
    message(STATUS "Kernels for NVIDIA cannot be built: no nvcc")
endif()
add_custom_target(nvidia DEPENDS ${objects})

set(objects)
if(HARNESS_NVCC)
    harness_mutant_code(${HARNESS_NVIDIA_ARCH} fatbin objects ${nvidia_command})
endif()
add_custom_target(mutants_nvidia DEPENDS ${objects})

# All code objects that can be built here.
add_custom_target(code)
add_dependencies(code nvidia amdgpu)
