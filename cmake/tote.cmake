# How a component and a library of Tote are made, once for all.

# Our own flags; they never reach those who use the libraries.
add_library(tote_flags INTERFACE)
target_compile_features(tote_flags INTERFACE c_std_11)
target_compile_definitions(tote_flags INTERFACE _GNU_SOURCE TOTE_VERSION="${PROJECT_VERSION}")
target_compile_options(tote_flags INTERFACE
    $<$<COMPILE_LANGUAGE:C>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wstrict-prototypes;-Wmissing-prototypes;-Wvla>
    -fvisibility=hidden -fno-semantic-interposition
    $<$<BOOL:${TOTE_WERROR}>:-Werror>)
if(TOTE_SANITIZE)
    target_compile_options(tote_flags INTERFACE -fsanitize=${TOTE_SANITIZE}
        -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(tote_flags INTERFACE -fsanitize=${TOTE_SANITIZE})
endif()

# tote_component(NAME SOURCES ... [ON components it sees] [LINK private dependencies])
#
# The folder's include/ is public and installed, internal/ is for the components on top, src/ its own.
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

# tote_library(NAME COMPONENTS ... [ON library] [LINK private dependencies])
#
# libtote-NAME (libtote for tote), shared as tote::NAME and static as tote::NAME_static.
function(tote_library name)
    cmake_parse_arguments(arg "" "ON" "COMPONENTS;LINK" ${ARGN})
    set(output tote-${name})
    if(name STREQUAL tote)
        set(output tote)
    endif()
    set(objects ${arg_COMPONENTS})
    list(TRANSFORM objects REPLACE "(.+)" "$<TARGET_OBJECTS:tote_\\1_objects>")

    foreach(kind "" _static)
        set(target tote_lib_${name}${kind})
        if(kind STREQUAL "")
            add_library(${target} SHARED ${objects})
            # Stays mapped: threads may be on their way out of it. Safe to dlclose means just that.
            target_link_options(${target} PRIVATE -Wl,-z,nodelete -Wl,-z,defs -Wl,--as-needed)
            set_target_properties(${target} PROPERTIES VERSION ${PROJECT_VERSION}
                SOVERSION ${PROJECT_VERSION_MAJOR})
        else()
            add_library(${target} STATIC ${objects})
        endif()
        set_target_properties(${target} PROPERTIES OUTPUT_NAME ${output}
            EXPORT_NAME ${name}${kind} LINKER_LANGUAGE C)
        add_library(tote::${name}${kind} ALIAS ${target})
        target_include_directories(${target} INTERFACE
            $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
        foreach(component ${arg_COMPONENTS})
            get_target_property(folder tote_${component}_objects SOURCE_DIR)
            if(EXISTS ${folder}/include)
                target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${folder}/include>)
            endif()
        endforeach()
        if(arg_ON)
            target_link_libraries(${target} PUBLIC tote_lib_${arg_ON}${kind})
        endif()
        target_link_libraries(${target} PRIVATE Threads::Threads ${arg_LINK})
        if(TOTE_SANITIZE)
            target_link_options(${target} PUBLIC $<BUILD_INTERFACE:-fsanitize=${TOTE_SANITIZE}>)
        endif()
        install(TARGETS ${target} EXPORT tote-targets
            LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_COMPONENT development
            ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
    endforeach()
endfunction()
