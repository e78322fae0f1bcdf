"""Conan 2 recipe of the source tree that it stands in: conan create cmake/packaging/conan"""

import os

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeToolchain
from conan.tools.files import copy, rmdir

required_conan_version = ">=2.0"


class TandemConan(ConanFile):
    name = "tandem"
    version = "0.1.0"
    description = "Concurrent maps for C++20, header-only"
    license = "MIT"
    topics = ("concurrency", "hash-map", "lock-free", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    # timed_store and durable_store: the target tandem::stores. The maps need nothing.
    options = {"stores": [True, False]}
    default_options = {"stores": True}
    no_copy_source = True

    def export_sources(self):
        root = os.path.join(self.recipe_folder, os.pardir, os.pardir, os.pardir)
        for pattern in ("CMakeLists.txt", "LICENSE", "include/*", "cmake/*"):
            copy(self, pattern, src=root, dst=self.export_sources_folder)

    def requirements(self):
        if self.options.stores:
            self.requires("xxhash/0.8.2", transitive_headers=True)

    def validate(self):
        check_min_cppstd(self, 20)

    def package_id(self):
        self.info.clear()

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "EXAMPLES", "BENCH"):
            toolchain.cache_variables["TANDEM_BUILD_" + part] = False
        toolchain.generate()

    def build(self):
        CMake(self).configure()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))
        # Conan writes its own description of the package.
        rmdir(self, os.path.join(self.package_folder, "share"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "tandem")
        # The package as a whole, which has no target of the build's own.
        self.cpp_info.set_property("cmake_target_name", "tandem::everything")
        self.cpp_info.set_property("pkg_config_name", "tandem-everything")
        maps = self.cpp_info.components["maps"]
        maps.set_property("cmake_target_name", "tandem::tandem")
        maps.set_property("pkg_config_name", "tandem")
        maps.bindirs = []
        maps.libdirs = []
        if self.settings.os in ("Linux", "FreeBSD"):
            maps.system_libs.append("pthread")
        if self.options.stores:
            stores = self.cpp_info.components["stores"]
            stores.set_property("cmake_target_name", "tandem::stores")
            stores.set_property("pkg_config_name", "tandem-stores")
            stores.requires = ["maps", "xxhash::xxhash"]
            stores.includedirs = []
            stores.bindirs = []
            stores.libdirs = []
