# What `cmake --install` lays down: runtime, headers, compiler library, package files.
include(GNUInstallDirs)
