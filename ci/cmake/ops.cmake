# Operators: which there are, which kernel file belongs to which, and how one becomes CPU code.

# Compiles .hip files of `target` as C for the CPU device.
function(harness_cpu_kernels target)
    set_source_files_properties(${ARGN} PROPERTIES LANGUAGE C)
    # The kernels in harness/ are wrong on purpose: the harness must find it, not the compiler.
    set(planted ${ARGN})
    list(FILTER planted INCLUDE REGEX "^harness/")
    if(planted AND HARNESS_SANITIZE)
        set_source_files_properties(${planted} PROPERTIES COMPILE_OPTIONS -fno-sanitize=undefined)
    endif()
    target_compile_options(${target} PRIVATE ${HARNESS_KERNEL_FLAGS})
    target_link_libraries(${target} PRIVATE harness_flags)
endfunction()

# The operators are the kernels/NAME.c that have a NAME.hip.
set(op_names)
foreach(source IN LISTS op_sources)
    cmake_path(GET source STEM name)
    if("kernels/${name}.hip" IN_LIST kernel_sources)
        list(APPEND op_names ${name})
    endif()
endforeach()

# Sets `result` to those of the files in kernels/ that belong to operator `op`: NAME_part.c and
# NAME_part.hip are parts of the operator with the longest name that NAME_part begins with.
function(harness_op_files op result)
    set(own)
    foreach(file IN LISTS ARGN)
        cmake_path(GET file STEM stem)
        set(owner)
        foreach(name IN LISTS op_names)
            string(LENGTH "${name}" length)
            string(LENGTH "${owner}" longest)
            if("${stem}_" MATCHES "^${name}_" AND length GREATER longest)
                set(owner ${name})
            endif()
        endforeach()
        if(owner STREQUAL op AND file MATCHES "^kernels/")
            list(APPEND own ${file})
        endif()
    endforeach()
    set(${result} ${own} PARENT_SCOPE)
endfunction()

# op_list.c: every operator, in the order of their names.
set(text "#include \"harness/op/op.h\"\n\n")
foreach(name IN LISTS op_names)
    string(APPEND text "extern const struct op op_${name};\n")
endforeach()
string(APPEND text "\nconst struct op *const op_list[] = {\n")
foreach(name IN LISTS op_names)
    string(APPEND text "    &op_${name},\n")
endforeach()
string(APPEND text "    NULL,\n};\n")
file(CONFIGURE OUTPUT op_list.c CONTENT "${text}" @ONLY)
