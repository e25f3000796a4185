"""Packages: a model with its schema, its origin and a sample request, as plain files."""

from homeostat.serve._package._info import PackageInfo, check_package, package_info
from homeostat.serve._package._pack import pack
from homeostat.serve._package._package import PackagedModel, unpack

__all__ = ["PackageInfo", "PackagedModel", "check_package", "pack", "package_info", "unpack"]
