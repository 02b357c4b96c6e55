# Until a release is published, the source is the repository that this port is in. For a published release use
# vcpkg_from_github() or vcpkg_download_distfile() with its checksum instead.
get_filename_component(SOURCE_PATH "${CMAKE_CURRENT_LIST_DIR}/../../../.." ABSOLUTE)

vcpkg_find_acquire_program(PKGCONFIG)

set(INSTRUMENTATION "")
foreach(FEATURE hiredis microhttpd pq sqlite)
    if(FEATURE IN_LIST FEATURES)
        list(APPEND INSTRUMENTATION ${FEATURE})
    endif()
endforeach()
vcpkg_check_features(OUT_FEATURE_OPTIONS FEATURE_OPTIONS FEATURES yaml TOTE_WITH_YAML)

vcpkg_cmake_configure(
    SOURCE_PATH "${SOURCE_PATH}"
    OPTIONS
        -DTOTE_BUILD_CLI=OFF
        -DTOTE_BUILD_EXAMPLES=OFF
        -DTOTE_BUILD_TESTS=OFF
        "-DTOTE_INSTRUMENTATION=${INSTRUMENTATION}"
        "-DPKG_CONFIG_EXECUTABLE=${PKGCONFIG}"
        ${FEATURE_OPTIONS}
)
vcpkg_cmake_install()
vcpkg_cmake_config_fixup(CONFIG_PATH lib/cmake/tote)
vcpkg_fixup_pkgconfig()
file(REMOVE_RECURSE "${CURRENT_PACKAGES_DIR}/debug/include" "${CURRENT_PACKAGES_DIR}/debug/share")
file(INSTALL "${CMAKE_CURRENT_LIST_DIR}/usage" DESTINATION "${CURRENT_PACKAGES_DIR}/share/${PORT}")
vcpkg_install_copyright(FILE_LIST "${SOURCE_PATH}/LICENSE")
