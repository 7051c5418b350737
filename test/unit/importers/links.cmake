set(links IngotCompiler -lprotobuf-lite)
