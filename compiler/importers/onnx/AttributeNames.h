// The names of attributes that operators of the ONNX domain have.
#pragma once

#include "llvm/ADT/StringRef.h"

namespace ingot::onnximport {

/// Whether any operator of `ai.onnx`, of any version, has an attribute of this name. One that none
/// has is a slip of whoever wrote the model, and means nothing to any runtime.
bool isAttributeName(llvm::StringRef name);

} // namespace ingot::onnximport
