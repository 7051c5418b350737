set(links IngotCompiler ingot-host)
