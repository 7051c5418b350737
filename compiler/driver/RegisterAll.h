// All dialects and passes, for tools that take them by name.
#pragma once

namespace mlir {
class DialectRegistry;
}

namespace ingot {

void registerAllDialects(mlir::DialectRegistry &registry);
void registerAllPasses();

} // namespace ingot
