# libFuzzer targets: fuzz/X_fuzz.c, with the seeds of fuzz/corpus/X/. CTest runs each for a bounded
# number of inputs from a fixed seed; what it finds goes to the build folder, never to the seeds.
if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "HARNESS_FUZZ needs clang: cmake --preset fuzz")
endif()
set(HARNESS_FUZZ_RUNS 200000 CACHE STRING "Inputs that CTest gives each libFuzzer target")
set(HARNESS_FUZZ_SECONDS 20 CACHE STRING "Time limit of each libFuzzer target under CTest")

file(GLOB fuzz_sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} fuzz/*_fuzz.c)
foreach(source IN LISTS fuzz_sources)
    cmake_path(GET source STEM target)
    string(REGEX REPLACE "_fuzz$" "" name ${target})
    set(found ${CMAKE_BINARY_DIR}/corpus/${name})
    set(seeds ${CMAKE_SOURCE_DIR}/fuzz/corpus/${name})
    file(MAKE_DIRECTORY ${found})
    if(NOT EXISTS ${seeds})
        set(seeds)
    endif()
    add_executable(${target} ${source})
    target_link_libraries(${target} PRIVATE harness_core)
    target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    add_test(NAME fuzz/${target} COMMAND ${target} -seed=1 -runs=${HARNESS_FUZZ_RUNS}
        -max_total_time=${HARNESS_FUZZ_SECONDS} -max_len=4096 -print_final_stats=1
        -artifact_prefix=${CMAKE_BINARY_DIR}/${name}- ${found} ${seeds}
        WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
endforeach()
