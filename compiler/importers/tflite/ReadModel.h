// The bytes of a TFLite file as checked FlatBuffers tables.
#pragma once

#include "compiler/importers/tflite/schema_generated.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

namespace ingot::tfliteimport {

/// The model in `file`, whose tables, vectors and strings lie inside it. Indices of tensors,
/// buffers and operator codes are not checked yet. Error: it is not a TFLite model, or has no
/// sub-graph.
llvm::Expected<const tflite::Model *> readModel(llvm::StringRef file);

/// The operator of an operator code: files that are older than its field, or small, have it in a
/// narrower one.
tflite::BuiltinOperator operatorOf(const tflite::OperatorCode &code);

/// Its name as users read it: "CONV_2D", "CUSTOM (FlexRange)".
std::string operatorName(const tflite::OperatorCode &code);

/// "f32", "i8", "string", …
std::string typeName(tflite::TensorType type);

/// A string of the file; empty when it has none.
inline llvm::StringRef text(const flatbuffers::String *string) {
  return string ? llvm::StringRef(string->c_str(), string->size()) : llvm::StringRef();
}

/// The signature of the main sub-graph, or null.
const tflite::SignatureDef *mainSignature(const tflite::Model &model);

/// The name of input or output `index` (a tensor): the signature's, else the tensor's.
std::string nameOf(const tflite::SubGraph &graph, int32_t index,
                   const flatbuffers::Vector<flatbuffers::Offset<tflite::TensorMap>> *signature);

} // namespace ingot::tfliteimport
