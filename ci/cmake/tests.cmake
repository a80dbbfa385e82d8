# Unit tests: every X_test.c is a program, run by CTest in the source folder under the name of its
# path (`ctest -R NAME`). X_test_kernels.hip beside it is linked in as CPU code.
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)

file(GLOB test_sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
    harness/*/*_test.c kernels/*_test.c refs/*_test.c)
file(GLOB test_kernels CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
    harness/*/*_test_kernels.hip kernels/*_test_kernels.hip)

foreach(source IN LISTS test_sources)
    string(REGEX REPLACE "\\.c$" "" path ${source})
    cmake_path(GET source STEM target)
    if(TARGET ${target})
        string(REPLACE "/" "_" target ${path})
    endif()
    add_executable(${target} ${source})
    target_compile_options(${target} PRIVATE ${host_flags})
    target_link_libraries(${target} PRIVATE harness_core PkgConfig::CMOCKA)
    set_target_properties(${target} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    if("${path}_kernels.hip" IN_LIST test_kernels)
        add_library(${target}_kernels OBJECT ${path}_kernels.hip)
        harness_cpu_kernels(${target}_kernels ${path}_kernels.hip)
        target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_kernels>)
    endif()
    add_test(NAME ${path} COMMAND ${target} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    # The fake stacks of this check do not survive a switch between fibers.
    set_tests_properties(${path} PROPERTIES TIMEOUT 300
        ENVIRONMENT "ASAN_OPTIONS=detect_stack_use_after_return=0")
endforeach()

# The fake driver of tests of what runs on a GPU; it looks for kernels in the test itself.
set(fake_tests device_test together_test bench_test pool_bench_test)
foreach(fake cuda.so.1 amdhip64.so)
    string(REGEX REPLACE "[.].*" "" vendor ${fake})
    add_library(fake_${vendor} MODULE harness/gpu/fake/cuda.c)
    target_compile_options(fake_${vendor} PRIVATE -Wno-missing-prototypes)
    target_link_libraries(fake_${vendor} PRIVATE harness_flags)
    set_target_properties(fake_${vendor} PROPERTIES PREFIX "" OUTPUT_NAME lib${fake} SUFFIX ""
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests/fake)
    target_link_options(fake_${vendor} PRIVATE -Wl,-soname,lib${fake})
endforeach()
target_compile_definitions(fake_amdhip64 PRIVATE FAKE_HIP)

# Code objects for it, where a program beside tests/fake looks for them; a fake HIP driver is its
# own.
set(fake_objects)
foreach(kernel IN LISTS kernel_sources)
    cmake_path(GET kernel STEM name)
    set(cuda ${CMAKE_BINARY_DIR}/tests/code/sm_00/${name}.fatbin)
    set(hip ${CMAKE_BINARY_DIR}/tests/code/gfx000/${name}.co)
    add_custom_command(OUTPUT ${cuda} ${hip} VERBATIM
        COMMAND ${CMAKE_COMMAND} -D KERNEL=${CMAKE_SOURCE_DIR}/${kernel} -D OBJECT=${cuda}
            -P ${CMAKE_SOURCE_DIR}/ci/cmake/fake_code.cmake
        COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/tests/code/gfx000
        COMMAND ${CMAKE_COMMAND} -E create_symlink ${CMAKE_BINARY_DIR}/tests/fake/libamdhip64.so
            ${hip}
        DEPENDS ${CMAKE_SOURCE_DIR}/${kernel} ${CMAKE_SOURCE_DIR}/ci/cmake/fake_code.cmake)
    list(APPEND fake_objects ${cuda} ${hip})
endforeach()
add_custom_target(fake_code DEPENDS ${fake_objects})
foreach(test IN LISTS fake_tests)
    add_dependencies(${test} fake_cuda fake_amdhip64 fake_code)
endforeach()
set_target_properties(${fake_tests} PROPERTIES ENABLE_EXPORTS ON)
if(HARNESS_LINK_HIP) # a program that is linked with the HIP runtime does not open the fake one
    set_tests_properties(harness/gpu/device_test harness/gpu/together_test PROPERTIES DISABLED ON)
endif()
