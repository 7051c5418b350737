set(links ingot-planner) # no MLIR: the library must stand alone
