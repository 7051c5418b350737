# The test writes archives, and needs zlib for their checksums.
set(links IngotCompiler -lz)
