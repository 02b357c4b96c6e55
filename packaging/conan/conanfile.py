# SPDX-License-Identifier: MIT
"""conanfile.py - a recipe for Conan 2: conan create packaging/conan"""
import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rm, rmdir
from conan.tools.gnu import PkgConfigDeps

# The libraries of each optional part: the option, the requirement, and what links it.
INSTRUMENTATION = {
    "hiredis": "hiredis/1.2.0",
    "microhttpd": "libmicrohttpd/0.9.75",
    "pq": "libpq/15.4",
    "sqlite": "sqlite3/[>=3.45.0 <4]",
}


class ToteConan(ConanFile):
    name = "tote"
    description = "OpenTelemetry tracing and context propagation for C services"
    license = "MIT"
    topics = ("opentelemetry", "tracing", "observability")
    package_type = "library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"shared": [True, False], "with_yaml": [True, False],
               **{f"with_{name}": [True, False] for name in INSTRUMENTATION}}
    default_options = {"shared": True, "with_yaml": True,
                       **{f"with_{name}": False for name in INSTRUMENTATION}}

    @property
    def _top(self):
        return os.path.join(self.recipe_folder, "..", "..")

    def set_version(self):
        text = load(self, os.path.join(self._top, "CMakeLists.txt"))
        self.version = re.search(r"^project\(tote VERSION (\S+)", text, re.MULTILINE).group(1)

    def export_sources(self):
        for pattern in ("CMakeLists.txt", "LICENSE", "CHANGELOG.md", "cmake/*", "api/*",
                        "propagators/*", "sdk/*", "delivery/*", "exporters/*", "configuration/*",
                        "instrumentation/*", "docs/reference/*"):
            copy(self, pattern, self._top, self.export_sources_folder)

    def configure(self):
        self.settings.rm_safe("compiler.cppstd")
        self.settings.rm_safe("compiler.libcxx")

    def layout(self):
        cmake_layout(self)

    def validate(self):
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("Tote supports Linux only")

    def _wrapped(self):
        return [name for name in INSTRUMENTATION if self.options.get_safe(f"with_{name}")]

    def requirements(self):
        self.requires("libcurl/[>=7.88 <9]", transitive_headers=True)
        self.requires("protobuf-c/1.5.0")
        self.requires("xxhash/[>=0.8 <1]")
        self.requires("zlib/[>=1.2.11 <2]")
        if self.options.with_yaml:
            self.requires("libyaml/0.2.5")
        for name in self._wrapped():
            self.requires(INSTRUMENTATION[name], transitive_headers=True)

    def build_requirements(self):
        self.tool_requires("cmake/[>=3.25 <5]")
        self.tool_requires("protobuf-c/<host_version>")

    def generate(self):
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["TOTE_BUILD_CLI"] = False
        toolchain.cache_variables["TOTE_BUILD_EXAMPLES"] = False
        toolchain.cache_variables["TOTE_BUILD_TESTS"] = False
        toolchain.cache_variables["TOTE_WITH_YAML"] = bool(self.options.with_yaml)
        toolchain.cache_variables["TOTE_INSTRUMENTATION"] = ";".join(self._wrapped())
        toolchain.generate()
        CMakeDeps(self).generate()
        PkgConfigDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        libraries = os.path.join(self.package_folder, "lib")  # both kinds were built
        rm(self, "libtote*.a" if self.options.shared else "libtote*.so*", libraries)
        for folder in ("cmake", "pkgconfig"):
            rmdir(self, os.path.join(libraries, folder))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "tote")
        self._component("api", "tote-api", system_libs=["pthread"])
        self._component("tote", "tote", ["api", "libcurl::libcurl", "protobuf-c::protobuf-c",
                                         "xxhash::xxhash", "zlib::zlib"] +
                        (["libyaml::libyaml"] if self.options.with_yaml else []))
        self._component("http", "tote-http", ["api"])
        self._component("database", "tote-database", ["api"])
        self._component("xray", "tote-xray", ["api"])
        self._component("curl", "tote-curl", ["http", "libcurl::libcurl"])
        packages = {"hiredis": ["database", "hiredis::hiredis"], "pq": ["database", "libpq::libpq"],
                    "microhttpd": ["http", "libmicrohttpd::libmicrohttpd"],
                    "sqlite": ["database", "sqlite3::sqlite3"]}
        for name in self._wrapped():
            self._component(name, f"tote-{name}", packages[name])

    def _component(self, name, library, requires=(), **others):
        component = self.cpp_info.components[name]
        component.set_property("cmake_target_name", f"tote::{name}")
        component.set_property("pkg_config_name", library)
        component.libs = [library]
        component.requires = list(requires)
        for key, value in others.items():
            setattr(component, key, value)
