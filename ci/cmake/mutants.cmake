# Mutants: for each line `ID  description` of kernels/NAME.mutants the shared object
# mutants/NAME.ID.so, the operator NAME with MUTANT_ID defined. They take a while to compile and
# only `harness mutants` needs them, so they are built by the target `mutants` alone.
add_custom_target(mutants)
if(TARGET harness)
    add_dependencies(mutants harness)
endif()

function(harness_add_mutant op id text kernels)
    # A header and not -D, which no text with a parenthesis survives.
    string(REGEX REPLACE "([\\\"])" "\\\\\\1" text "${text}")
    set(header ${CMAKE_BINARY_DIR}/mutants/${op}.${id}.h)
    file(CONFIGURE OUTPUT ${header} @ONLY CONTENT [[
#define MUTANT_OF   @op@
#define MUTANT_ID   "@id@"
#define MUTANT_TEXT "@text@"
]])
    set(target mutant_${op}_${id})
    add_library(${target}_kernels OBJECT EXCLUDE_FROM_ALL ${kernels})
    harness_cpu_kernels(${target}_kernels ${kernels})
    add_library(${target} MODULE EXCLUDE_FROM_ALL kernels/${op}.c harness/op/mutant.c)
    target_link_libraries(${target} PRIVATE harness_flags)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${target}_kernels>)
    foreach(part ${target} ${target}_kernels)
        # Compile time counts here, and speed does not; hidden, so that the mutant's own functions
        # are called and not the program's.
        target_compile_options(${part} PRIVATE -O1 -g -fvisibility=hidden)
        target_compile_definitions(${part} PRIVATE MUTANT_${id})
        set_target_properties(${part} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    endforeach()
    target_compile_options(${target} PRIVATE -include ${header})
    set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME ${op}.${id}
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/mutants)
    add_dependencies(mutants ${target})
endfunction()

function(harness_add_mutants op file)
    harness_op_kernels(${op} kernels)
    # A change of the list of mutants configures again.
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
    file(STRINGS ${file} lines REGEX "^[^#]")
    foreach(line IN LISTS lines)
        if(NOT line MATCHES "^([A-Za-z][A-Za-z0-9_]*)[ \t]+([^ \t].*)$")
            message(FATAL_ERROR "kernels/${op}.mutants: '${line}' is not of the form "
                "`ID  description`, where ID is a C identifier")
        endif()
        harness_add_mutant(${op} ${CMAKE_MATCH_1} "${CMAKE_MATCH_2}" "${kernels}")
    endforeach()
endfunction()

if(EXISTS ${CMAKE_SOURCE_DIR}/harness/op/mutant.c)
    foreach(name IN LISTS op_names)
        if(EXISTS ${CMAKE_SOURCE_DIR}/kernels/${name}.mutants)
            harness_add_mutants(${name} ${CMAKE_SOURCE_DIR}/kernels/${name}.mutants)
        endif()
    endforeach()
endif()
