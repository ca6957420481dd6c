# SPDX-License-Identifier: GPL-2.0
# Reads the package list of a suite, and prints its arm64 kernels whose packages are all offered in
# one version: see scripts/kernel/debian.

# A package ends with an empty line.
/^$/ { know() }
/^Package: / { package = $2 }
/^Version: / { version = $2 }

END {
	know()
	for (kernel in headers) {
		split(kernel, part, SUBSEP)
		if (source[part[2]] && kernel in binary && kernel in modules)
			print suite, part[2], part[1], source[part[2]]
	}
}

function know(  abi) {
	if (package ~ /^linux-source-[0-9.]+$/)
		source[version] = package
	if (package ~ /^linux-(headers|binary|modules)-[0-9.]+(-rc[0-9]+)?(\+[a-z0-9]+)?-arm64$/) {
		abi = package
		gsub(/^linux-[a-z]*-|-arm64$/, "", abi)
		if (package ~ /^linux-headers/) headers[abi, version]
		if (package ~ /^linux-binary/) binary[abi, version]
		if (package ~ /^linux-modules/) modules[abi, version]
	}
	package = version = ""
}
