# Mutants: for each line `ID  description` of kernels/NAME.mutants the shared object
# mutants/NAME.ID.so, the operator NAME with MUTANT_ID defined. They take a while to compile and
# only `harness mutants` needs them, so they are built by the target `mutants` alone. Their kernels
# for GPUs are added by amdgpu.cmake and nvidia.cmake, through harness_mutant_code().
add_custom_target(mutants)
if(TARGET harness)
    add_dependencies(mutants harness)
endif()

function(harness_add_mutant op id text)
    # A header and not -D, which no text with a parenthesis survives.
    string(REGEX REPLACE "([\\\"])" "\\\\\\1" text "${text}")
    set(header ${CMAKE_BINARY_DIR}/mutants/${op}.${id}.h)
    file(CONFIGURE OUTPUT ${header} @ONLY CONTENT [[
#define MUTANT_OF   @op@
#define MUTANT_ID   "@id@"
#define MUTANT_TEXT "@text@"
]])
    set(target mutant_${op}_${id})
    harness_op_files(${op} kernels ${kernel_sources})
    harness_op_files(${op} sources ${op_sources})
    add_library(${target}_kernels OBJECT EXCLUDE_FROM_ALL ${kernels})
    harness_cpu_kernels(${target}_kernels ${kernels})
    add_library(${target} MODULE EXCLUDE_FROM_ALL ${sources} harness/op/mutant.c)
    target_link_libraries(${target} PRIVATE harness_flags)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_kernels>)
    foreach(part ${target} ${target}_kernels)
        # Compile time counts here, and speed does not; what a defect leaves unused is no concern;
        # hidden, so that the mutant's own functions are called and not the program's.
        target_compile_options(${part} PRIVATE -O1 -g -w -fvisibility=hidden)
        target_compile_definitions(${part} PRIVATE MUTANT_${id})
        set_target_properties(${part} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    endforeach()
    target_compile_options(${target} PRIVATE -include ${header})
    set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${op}.${id}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/mutants)
    add_dependencies(mutants ${target})
endfunction()

# Adds every mutant of `list`, kernels/NAME.mutants, and takes them out of `old_mutants`.
function(harness_add_mutants list)
    cmake_path(GET list STEM op)
    # A change of the list configures again.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${list})
    file(STRINGS ${list} lines REGEX "^[^#]")
    foreach(line IN LISTS lines)
        if(NOT line MATCHES "^([A-Za-z][A-Za-z0-9_]*)[ \t]+([^ \t].*)$")
            message(FATAL_ERROR "kernels/${op}.mutants: '${line}' is not of the form "
                "`ID  description`, where ID is a C identifier")
        endif()
        set(id ${CMAKE_MATCH_1})
        harness_add_mutant(${op} ${id} "${CMAKE_MATCH_2}")
        list(APPEND all_mutants ${op}.${id})
        list(FILTER old_mutants EXCLUDE REGEX "/${op}\\.${id}\\.[^/]*$")
    endforeach()
    set(old_mutants ${old_mutants} PARENT_SCOPE)
    set(all_mutants ${all_mutants} PARENT_SCOPE)
endfunction()

file(GLOB old_mutants ${CMAKE_BINARY_DIR}/mutants/*) # objects, code objects, headers
set(all_mutants) # NAME.ID of each
file(GLOB mutant_lists CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.mutants)
foreach(list IN LISTS mutant_lists)
    cmake_path(GET list STEM name)
    if(name IN_LIST op_names)
        harness_add_mutants(${list})
    endif()
endforeach()
# What an earlier list left behind would be tried too.
if(old_mutants)
    file(REMOVE_RECURSE ${old_mutants})
endif()

# Adds the code objects of every mutant for `arch` to `list`: mutants/NAME.ID.ARCH/KERNEL.EXTENSION,
# each the plain code/ARCH/KERNEL.EXTENSION again, compiled by the command behind the named
# arguments with the defect in it. Many mutants live on the host alone, and many have kernels that
# the defect is not in: mutant_code.cmake copies those when it runs. It reads the plain object's
# dependency file, and whatever stands in that makes the plain object anew. A defect may leave
# something unused, so warnings are off.
function(harness_mutant_code arch extension list)
    foreach(mutant IN LISTS all_mutants)
        string(REGEX MATCH "^(.*)\\.([^.]*)$" mutant ${mutant})
        set(op ${CMAKE_MATCH_1})
        set(id ${CMAKE_MATCH_2})
        harness_op_files(${op} kernels ${kernel_sources})
        foreach(kernel IN LISTS kernels)
            cmake_path(GET kernel STEM name)
            set(plain ${CMAKE_BINARY_DIR}/code/${arch}/${name}.${extension})
            set(object ${CMAKE_BINARY_DIR}/mutants/${mutant}.${arch}/${name}.${extension})
            add_custom_command(OUTPUT ${object} VERBATIM
                COMMAND ${CMAKE_COMMAND} -D ID=${id} -D PLAIN=${plain} -D OBJECT=${object}
                    -P ${CMAKE_SOURCE_DIR}/ci/cmake/mutant_code.cmake
                    -- ${ARGN} -w -DMUTANT_${id} -o ${object} ${CMAKE_SOURCE_DIR}/${kernel}
                DEPENDS ${plain} ${CMAKE_SOURCE_DIR}/ci/cmake/mutant_code.cmake
                COMMENT "Making ${mutant}.${arch}/${name}.${extension}")
            list(APPEND ${list} ${object})
        endforeach()
    endforeach()
    set(${list} ${${list}} PARENT_SCOPE)
endfunction()
