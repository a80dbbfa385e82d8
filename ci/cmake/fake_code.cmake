# Makes OBJECT, the code object of KERNEL, a .hip file, as the fake CUDA driver reads it: the names
# of its kernels.
file(STRINGS ${KERNEL} exports REGEX "^EXPORT_KERNEL")
list(TRANSFORM exports REPLACE "^[A-Z_]*\\(([a-z0-9_]*),.*" "\\1")
list(JOIN exports " " names)
file(WRITE ${OBJECT} "fake ${names}")
