# Functions that define the components and libraries of Tote.

# The operating system: files named *_linux.c or *_posix.c are compiled for it. See docs/porting.md.
set(default_os posix)
if(CMAKE_SYSTEM_NAME STREQUAL Linux)
    set(default_os linux)
endif()
set(TOTE_OS ${default_os} CACHE STRING "Operating system: linux, or posix for any other")
if(NOT TOTE_OS MATCHES "^(linux|posix)$")
    message(FATAL_ERROR "TOTE_OS is linux or posix, not ${TOTE_OS}")
endif()

# The date of manual pages: that of a reproducible build, else of the file of the changelog.
if(DEFINED ENV{SOURCE_DATE_EPOCH})
    string(TIMESTAMP TOTE_MANUAL_DATE "%B %d, %Y" UTC)
else()
    file(TIMESTAMP ${PROJECT_SOURCE_DIR}/CHANGELOG.md TOTE_MANUAL_DATE "%B %d, %Y" UTC)
endif()
string(REPLACE " 0" " " TOTE_MANUAL_DATE "${TOTE_MANUAL_DATE}")

# Flags of Tote itself. Users of the libraries do not get them.
add_library(tote_flags INTERFACE)
target_compile_features(tote_flags INTERFACE c_std_11)
target_include_directories(tote_flags INTERFACE ${PROJECT_BINARY_DIR}/generated) # tote/parts.h
# Files and inode numbers above 32 bits, also where `long` has 32.
target_compile_definitions(tote_flags INTERFACE _FILE_OFFSET_BITS=64 TOTE_VERSION="${PROJECT_VERSION}"
    $<$<NOT:$<BOOL:$<TARGET_PROPERTY:TOTE_NEEDS_POSIX_ALONE>>>:_GNU_SOURCE>)
# Times after 2038, also where time_t has 32 bits by default. glibc before 2.34 ignores it.
include(CheckTypeSize)
check_type_size(time_t TOTE_SIZE_OF_TIME)
if(TOTE_SIZE_OF_TIME EQUAL 4)
    target_compile_definitions(tote_flags INTERFACE _TIME_BITS=64)
endif()

# tote_default_time(FILE ...): the files pass times to other libraries, or return them to programs, so their
# time_t has to be the default one.
function(tote_default_time)
    if(TOTE_SIZE_OF_TIME EQUAL 4)
        set_property(SOURCE ${ARGN} APPEND PROPERTY COMPILE_OPTIONS -U_TIME_BITS)
    endif()
endfunction()

# tote_posix_alone(TARGET): in a build for any POSIX system, the headers of libc declare only what POSIX has. Other
# targets see all that Linux has.
function(tote_posix_alone target)
    if(TOTE_OS STREQUAL posix)
        set_target_properties(${target} PROPERTIES TOTE_NEEDS_POSIX_ALONE ON)
        target_compile_definitions(${target} PRIVATE _POSIX_C_SOURCE=200809L _XOPEN_SOURCE=700)
    endif()
endfunction()
target_compile_options(tote_flags INTERFACE
    $<$<COMPILE_LANGUAGE:C>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wstrict-prototypes;-Wmissing-prototypes;-Wvla>
    -fvisibility=hidden -fno-semantic-interposition -ffunction-sections -fdata-sections
    $<$<BOOL:${TOTE_WERROR}>:-Werror>)
if(CMAKE_SIZEOF_VOID_P EQUAL 4 AND CMAKE_C_COMPILER_ID STREQUAL GNU)
    target_compile_options(tote_flags INTERFACE -Wno-psabi) # a note: the ABI of atomics has changed
endif()
# gcc clears structs with a string instruction that takes 10 ns to start. Stores are faster.
include(CheckCCompilerFlag)
set(clear_by_stores -mmemset-strategy=vector_loop:256:noalign,libcall:-1:noalign)
check_c_compiler_flag(${clear_by_stores} TOTE_HAS_MEMSET_STRATEGY)
if(TOTE_HAS_MEMSET_STRATEGY)
    target_compile_options(tote_flags INTERFACE "$<$<NOT:$<CONFIG:MinSizeRel>>:${clear_by_stores}>")
endif()
# Hardening of optimised builds, if the compiler supports it. Sanitizers replace it.
set(hardening -fstack-protector-strong -fstack-clash-protection -fcf-protection)
include(CheckCSourceCompiles)
foreach(flag ${hardening})
    string(MAKE_C_IDENTIFIER "TOTE_HAS${flag}" has_flag)
    check_c_compiler_flag(${flag} ${has_flag})
    # On i386, the stack protector of shared libraries needs a function that musl lacks.
    set(CMAKE_REQUIRED_FLAGS "${flag} -fPIC")
    check_c_source_compiles("void fill(char *text);
        void fill(char *text) { *text = 0; }
        int main(void) { char text[64]; fill(text); return text[0]; }" ${has_flag}_linked)
    unset(CMAKE_REQUIRED_FLAGS)
    if(${has_flag} AND ${has_flag}_linked AND TOTE_HARDENING AND NOT TOTE_SANITIZE)
        target_compile_options(tote_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:${flag}>)
    endif()
endforeach()
if(TOTE_HARDENING AND NOT TOTE_SANITIZE AND NOT CMAKE_C_FLAGS MATCHES "_FORTIFY_SOURCE") # a distribution sets it
    target_compile_options(tote_flags INTERFACE
        "$<$<NOT:$<CONFIG:Debug>>:SHELL:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>")
endif()
set(tote_link_hardening -Wl,-z,relro -Wl,-z,now) # for libraries and programs
target_link_options(tote_flags INTERFACE ${tote_link_hardening})
if(TOTE_FUZZ)
    target_compile_options(tote_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(TOTE_SANITIZE STREQUAL helgrind) # helgrind needs annotations of atomics
    target_compile_options(tote_flags INTERFACE
        "SHELL:-include ${PROJECT_SOURCE_DIR}/tests/support/helgrind_atomics.h"
        -Wno-shadow -Wno-unused-parameter) # of the macros: nested atomics, unused memory orders
elseif(TOTE_SANITIZE)
    target_compile_options(tote_flags INTERFACE -fsanitize=${TOTE_SANITIZE}
        -fno-omit-frame-pointer -fno-sanitize-recover=all
        # False positives in instrumented code.
        $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>)
    target_link_options(tote_flags INTERFACE -fsanitize=${TOTE_SANITIZE})
endif()

# tote_part(NAME description)
#
# Define an optional part of libtote: the option TOTE_WITH_NAME, and the macro TOTE_HAS_NAME of
# tote/parts.h. A source file that only the part needs is not built without it; src/no_NAME.c then has
# its public functions.
macro(tote_part name description)
    option(TOTE_WITH_${name} "${description}" ON)
    set(TOTE_HAS_${name} ${TOTE_WITH_${name}})
    if(TOTE_WITH_${name})
        string(TOLOWER ${name} part)
        list(APPEND tote_parts ${part})
    else()
        set(TOTE_HAS_ALL_PARTS OFF)
    endif()
endmacro()

# Write and install tote/parts.h. Call it after the last part.
function(tote_install_parts)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/parts.h.in ${PROJECT_BINARY_DIR}/generated/tote/parts.h)
    install(FILES ${PROJECT_BINARY_DIR}/generated/tote/parts.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tote COMPONENT development)
endfunction()

# tote_component(NAME SOURCES ... [ON components it sees] [LINK private dependencies])
#
# The folder's include/ is public and installed, internal/ is for the components above, src/ is private.
function(tote_component name)
    cmake_parse_arguments(arg "" "" "SOURCES;ON;LINK" ${ARGN})

    add_library(tote_${name}_headers INTERFACE)
    foreach(folder include internal)
        if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${folder})
            target_include_directories(tote_${name}_headers INTERFACE
                $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/${folder}>)
        endif()
    endforeach()
    list(TRANSFORM arg_ON REPLACE "(.+)" "tote_\\1_headers")
    target_link_libraries(tote_${name}_headers INTERFACE ${arg_ON})

    add_library(tote_${name}_objects OBJECT ${arg_SOURCES})
    set_target_properties(tote_${name}_objects PROPERTIES
        POSITION_INDEPENDENT_CODE ON C_EXTENSIONS OFF)
    target_include_directories(tote_${name}_objects PRIVATE src)
    target_link_libraries(tote_${name}_objects
        PRIVATE tote_flags tote_${name}_headers Threads::Threads ${arg_LINK})
    if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/include)
        install(DIRECTORY include/tote DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development)
    endif()
endfunction()

# The ABI of this version: libraries of one ABI replace each other. See docs/versioning.md.
set(tote_abi ${PROJECT_VERSION_MAJOR})
if(PROJECT_VERSION_MAJOR EQUAL 0)
    set(tote_abi 0.${PROJECT_VERSION_MINOR})
endif()

# Give the symbols of a library their versions. Only libraries of one release use each other's
# internal symbols: the dynamic linker rejects others.
function(tote_symbol_versions target)
    set(script ${PROJECT_BINARY_DIR}/tote.map)
    file(CONFIGURE OUTPUT ${script} @ONLY CONTENT
"TOTE_@tote_abi@ { global: tote_[a-z]*; otel_thread_ctx_v[1]; };
TOTE_PRIVATE_@PROJECT_VERSION@ { global: tote__*; local: *; };
")
    target_link_options(${target} PRIVATE -Wl,--version-script=${script})
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${script})
endfunction()

# tote_library(NAME COMPONENTS ... [ON library] [LINK private dependencies] [LINK_NAMES the same for the linker]
#   [EXPORT_DYNAMIC symbol])
#
# Define libtote-NAME (libtote for the name tote), shared as tote::NAME and static as tote::NAME_static,
# and its pkg-config file. LINK_NAMES, for example "curl z", is what users of the static library link
# in addition. They are names instead of targets or packages, because users of the shared library need
# no development files of them, and Debian's libcurl cannot be linked with its private requirements.
# EXPORT_DYNAMIC is a symbol that programs with the static library keep in their dynamic symbol table.
function(tote_library name)
    cmake_parse_arguments(arg "" "ON;EXPORT_DYNAMIC" "COMPONENTS;LINK;LINK_NAMES" ${ARGN})
    if(arg_LINK AND NOT arg_LINK_NAMES)
        message(FATAL_ERROR "tote_library(${name}): LINK needs LINK_NAMES too")
    endif()
    set(output tote-${name})
    if(name STREQUAL tote)
        set(output tote)
    endif()

    tote_library_target(tote_lib_${name} SHARED ${name} ${output})
    # nodelete: the library stays mapped after dlclose(), because a thread may still run in it.
    target_link_options(tote_lib_${name} PRIVATE ${tote_link_hardening} -Wl,-z,nodelete -Wl,--as-needed
        -Wl,-Bsymbolic-functions) # calls inside the library are direct
    if(NOT TOTE_SANITIZE) # whose functions are in the program
        target_link_options(tote_lib_${name} PRIVATE -Wl,-z,defs)
    endif()
    target_link_libraries(tote_lib_${name} PRIVATE Threads::Threads ${arg_LINK})
    tote_symbol_versions(tote_lib_${name})
    set_target_properties(tote_lib_${name} PROPERTIES VERSION ${PROJECT_VERSION}
        SOVERSION ${tote_abi} INSTALL_RPATH "$ORIGIN")

    tote_library_target(tote_lib_${name}_static STATIC ${name}_static ${output})
    target_link_libraries(tote_lib_${name}_static PRIVATE Threads::Threads
        INTERFACE "$<BUILD_INTERFACE:${arg_LINK}>" "$<INSTALL_INTERFACE:${arg_LINK_NAMES}>")

    set(static_flags "")
    if(arg_EXPORT_DYNAMIC)
        set(static_flags -Wl,--export-dynamic-symbol=${arg_EXPORT_DYNAMIC})
        target_link_options(tote_lib_${name}_static INTERFACE ${static_flags})
    endif()
    tote_pkgconfig(${output} "${arg_ON}" "${arg_LINK_NAMES}" "${static_flags}")
    set_property(GLOBAL APPEND PROPERTY TOTE_LIBRARIES ${name})
    set_property(GLOBAL PROPERTY TOTE_COMPONENTS_${name} ${arg_COMPONENTS})
endfunction()

# The common part of the shared and the static target of tote_library().
macro(tote_library_target target kind export_name output)
    set(objects ${arg_COMPONENTS})
    list(TRANSFORM objects REPLACE "(.+)" "$<TARGET_OBJECTS:tote_\\1_objects>")
    add_library(${target} ${kind} ${objects})
    add_library(tote::${export_name} ALIAS ${target})
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${output}
        EXPORT_NAME ${export_name} LINKER_LANGUAGE C)
    target_include_directories(${target} INTERFACE
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
        $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/generated>)
    foreach(component ${arg_COMPONENTS})
        get_target_property(folder tote_${component}_objects SOURCE_DIR)
        if(EXISTS ${folder}/include)
            target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${folder}/include>)
        endif()
    endforeach()
    if(arg_ON AND "${kind}" STREQUAL SHARED)
        target_link_libraries(${target} PUBLIC tote_lib_${arg_ON})
    elseif(arg_ON)
        target_link_libraries(${target} PUBLIC tote_lib_${arg_ON}_static)
    endif()
    if(TOTE_SANITIZE AND NOT TOTE_SANITIZE STREQUAL helgrind)
        target_link_options(${target} PUBLIC $<BUILD_INTERFACE:-fsanitize=${TOTE_SANITIZE}>)
    endif()
    install(TARGETS ${target} EXPORT tote-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT development
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
endmacro()

# tote_preload(NAME [MODULE] EXPORTS functions SOURCES ... [ON components whose headers it sees]
#   [COMPONENTS whose objects it contains] [LINK private dependencies])
#
# Define tote-preload-NAME.so, for LD_PRELOAD, with the parts of instrumentation/preload that it calls. The functions
# have no symbol versions: they take the place of those of any version. A MODULE is loaded by a preload object or by
# another library.
function(tote_preload name)
    cmake_parse_arguments(arg "MODULE" "" "EXPORTS;SOURCES;ON;COMPONENTS;LINK" ${ARGN})
    set(target tote_preload_${name})
    set(objects ${arg_COMPONENTS})
    list(TRANSFORM objects REPLACE "(.+)" "$<TARGET_OBJECTS:tote_\\1_objects>")
    list(TRANSFORM arg_ON REPLACE "(.+)" "tote_\\1_headers")
    set(kind SHARED)
    if(arg_MODULE)
        set(kind MODULE)
    endif()
    add_library(${target} ${kind} ${arg_SOURCES} ${objects})
    set_target_properties(${target} PROPERTIES PREFIX "" OUTPUT_NAME tote-preload-${name}
        EXPORT_NAME preload_${name} C_EXTENSIONS OFF INSTALL_RPATH "$ORIGIN" BUILD_RPATH "$ORIGIN")
    target_link_libraries(${target} PRIVATE tote_flags ${arg_ON} tote_preload_parts ${arg_LINK}
        Threads::Threads ${CMAKE_DL_LIBS})

    set(script ${CMAKE_CURRENT_BINARY_DIR}/tote-preload-${name}.map)
    string(JOIN "; " exports ${arg_EXPORTS})
    file(CONFIGURE OUTPUT ${script} @ONLY CONTENT "{ global: @exports@; local: *; };\n")
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS ${script})
    target_link_options(${target} PRIVATE -Wl,--version-script=${script} -Wl,-z,nodelete -Wl,--gc-sections)
    if(NOT TOTE_SANITIZE)
        target_link_options(${target} PRIVATE -Wl,-z,defs)
    endif()

    set(export "")
    if(NOT arg_MODULE)
        set(export EXPORT tote-targets)
        add_library(tote::preload_${name} ALIAS ${target})
    endif()
    set_property(GLOBAL APPEND PROPERTY TOTE_PRELOADS ${name})
    set_property(GLOBAL PROPERTY TOTE_PRELOAD_EXPORTS_${name} ${arg_EXPORTS})
    install(TARGETS ${target} ${export} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime)
endfunction()

# tote_pkgconfig(OUTPUT BASE LINK_NAMES STATIC_FLAGS): write OUTPUT.pc, whose prefix is relative to its location. The
# names are not in Requires.private: a static libtote is linked with a shared libcurl, and
# Requires.private would require everything that a static libcurl needs.
function(tote_pkgconfig output base link_names static_flags)
    set(pc_name ${output})
    set(pc_requires "")
    set(pc_libs_private "-pthread")
    if(base)
        set(pc_requires "tote-${base} = ${PROJECT_VERSION}")
    endif()
    foreach(library ${link_names})
        string(APPEND pc_libs_private " -l${library}")
    endforeach()
    string(STRIP "${pc_libs_private} ${static_flags}" pc_libs_private)
    string(JOIN " " pc_parts ${tote_parts}) # optional parts of libtote: pkg-config --variable=parts tote
    file(RELATIVE_PATH pc_prefix "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
    string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
    file(RELATIVE_PATH pc_libdir "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_LIBDIR}")
    file(RELATIVE_PATH pc_includedir "${CMAKE_INSTALL_PREFIX}" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
    configure_file(${PROJECT_SOURCE_DIR}/cmake/tote.pc.in
        ${PROJECT_BINARY_DIR}/pkgconfig/${output}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/pkgconfig/${output}.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
endfunction()

# Install the package for find_package(tote). Call it after the last library.
function(tote_install_package)
    include(CMakePackageConfigHelpers)
    set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/tote)
    install(EXPORT tote-targets NAMESPACE tote:: DESTINATION ${folder} COMPONENT development)
    configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/tote-config.cmake.in
        ${PROJECT_BINARY_DIR}/cmake/tote-config.cmake INSTALL_DESTINATION ${folder})
    set(compatibility SameMajorVersion) # docs/versioning.md
    if(PROJECT_VERSION_MAJOR EQUAL 0)
        set(compatibility SameMinorVersion)
    endif()
    write_basic_package_version_file(${PROJECT_BINARY_DIR}/cmake/tote-config-version.cmake
        COMPATIBILITY ${compatibility})
    install(FILES ${PROJECT_BINARY_DIR}/cmake/tote-config.cmake
        ${PROJECT_BINARY_DIR}/cmake/tote-config-version.cmake
        DESTINATION ${folder} COMPONENT development)
endfunction()
