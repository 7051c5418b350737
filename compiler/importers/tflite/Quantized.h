// Operators on quantised tensors as LiteRT's integer kernels compute them (FixedPoint.h). Each
// takes a node for which isFixedPoint holds, and sets its output.
#pragma once

#include "compiler/importers/tflite/TfliteNode.h"

namespace ingot::tfliteimport {

/// ADD, or SUB.
mlir::LogicalResult quantizedSum(TfliteNode &n, bool subtract,
                                 tflite::ActivationFunctionType activation);
mlir::LogicalResult quantizedProduct(TfliteNode &n, tflite::ActivationFunctionType activation);
mlir::LogicalResult quantizedSquaredDifference(TfliteNode &n);
/// A comparison of two operands that are quantised in different ways.
mlir::LogicalResult quantizedCompare(TfliteNode &n, CmpKind kind);
/// Input 0 as output 0 is quantised, and an activation that only clamps.
mlir::LogicalResult quantizedRescale(TfliteNode &n, tflite::ActivationFunctionType activation = {});
mlir::LogicalResult quantizedLeakyRelu(TfliteNode &n, float alpha);
mlir::LogicalResult quantizedPrelu(TfliteNode &n);
/// Means and sums over dims.
mlir::LogicalResult quantizedMean(TfliteNode &n, llvm::ArrayRef<int64_t> axes, bool keepDims);
mlir::LogicalResult quantizedTotal(TfliteNode &n, llvm::ArrayRef<int64_t> axes, bool keepDims);
/// RESIZE_BILINEAR to `size`, with the weights of places in 1/1024.
mlir::LogicalResult quantizedBilinear(TfliteNode &n, llvm::ArrayRef<int64_t> size,
                                      bool alignCorners, bool halfPixelCenters);
/// A function of elements that are i16, by a table that is interpolated.
mlir::LogicalResult quantizedFunction(TfliteNode &n, llvm::function_ref<float(float)> function);
/// Square roots, cut off.
mlir::LogicalResult quantizedSqrt(TfliteNode &n);
/// LOGISTIC, TANH and SOFTMAX of i16.
mlir::LogicalResult quantizedSigmoid(TfliteNode &n);
mlir::LogicalResult quantizedTanh(TfliteNode &n);
mlir::LogicalResult quantizedSoftmax(TfliteNode &n, float beta);
mlir::LogicalResult quantizedL2Normalization(TfliteNode &n);
/// UNIDIRECTIONAL_SEQUENCE_LSTM, or LSTM, of i8; limits of 0 are none.
mlir::LogicalResult quantizedLstm(TfliteNode &n, bool timeMajor, float cellClip,
                                  float projectionClip);
/// Averages of stored integers, input and output quantised alike.
mlir::LogicalResult quantizedAverage(TfliteNode &n, mlir::Value average,
                                     tflite::ActivationFunctionType activation);

} // namespace ingot::tfliteimport
