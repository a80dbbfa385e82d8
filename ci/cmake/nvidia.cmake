# Code for NVIDIA GPUs, where the CUDA toolkit is installed: nvidia/NAME.fatbin for each
# kernels/NAME.hip, by the target `nvidia`.
set(HARNESS_NVIDIA_ARCH sm_90 CACHE STRING "NVIDIA architecture to build kernels for")
find_program(HARNESS_NVCC NAMES nvcc PATHS /usr/local/cuda/bin DOC "CUDA compiler")
if(NOT HARNESS_NVCC)
    return()
endif()

file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/nvidia)
set(objects)
foreach(kernel IN LISTS kernel_sources)
    if(NOT kernel MATCHES "^kernels/")
        continue()
    endif()
    cmake_path(GET kernel STEM name)
    set(object ${CMAKE_BINARY_DIR}/nvidia/${name}.fatbin)
    add_custom_command(OUTPUT ${object} DEPFILE ${object}.d VERBATIM
        COMMAND ${HARNESS_NVCC} -x cu -arch=${HARNESS_NVIDIA_ARCH} -O3 --fmad=false
            -Werror all-warnings -I ${CMAKE_SOURCE_DIR}/kernels/include -I ${CMAKE_SOURCE_DIR}
            -MD -MF ${object}.d -fatbin -o ${object} ${CMAKE_SOURCE_DIR}/${kernel}
        DEPENDS ${CMAKE_SOURCE_DIR}/${kernel}
        COMMENT "Compiling ${kernel} for ${HARNESS_NVIDIA_ARCH}")
    list(APPEND objects ${object})
endforeach()
add_custom_target(nvidia DEPENDS ${objects})
