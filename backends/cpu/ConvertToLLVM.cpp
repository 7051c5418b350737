// One conversion of arith, math, vector, memref, cf and func to LLVM dialect, at the machine's
// index width.
//
// The upstream passes do the same one by one, but the one for vectors knows no other index width
// than 64 bits.
#include "backends/cpu/Lower.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVM.h"
#include "mlir/Conversion/IndexToLLVM/IndexToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Vector/Transforms/LoweringPatterns.h"
#include "mlir/Dialect/Vector/Transforms/VectorRewritePatterns.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace ingot::cpu {

LogicalResult convertToLLVM(ModuleOp module, const Isa &isa) {
  MLIRContext *context = module.getContext();
  // Vector ops of more dims, and those that are made of simpler ones.
  RewritePatternSet simpler(context);
  vector::populateVectorBitCastLoweringPatterns(simpler);
  vector::populateVectorBroadcastLoweringPatterns(simpler);
  vector::populateVectorContractLoweringPatterns(simpler,
                                                 vector::VectorContractLowering::OuterProduct);
  vector::populateVectorOuterProductLoweringPatterns(simpler);
  vector::populateVectorMaskOpLoweringPatterns(simpler);
  vector::populateVectorShapeCastLoweringPatterns(simpler);
  vector::populateVectorInterleaveLoweringPatterns(simpler);
  vector::populateVectorTransposeLoweringPatterns(simpler,
                                                  vector::VectorTransposeLowering::EltWise);
  vector::populateVectorMaskMaterializationPatterns(simpler, /*force32BitVectorIndices=*/false);
  vector::populateVectorInsertExtractStridedSliceTransforms(simpler);
  vector::populateVectorStepLoweringPatterns(simpler);
  vector::populateVectorRankReducingFMAPattern(simpler);
  vector::populateVectorGatherLoweringPatterns(simpler);
  vector::populateVectorFromElementsUnrollPatterns(simpler);
  vector::populateVectorToElementsUnrollPatterns(simpler);
  if (failed(applyPatternsGreedily(module, std::move(simpler))))
    return failure();

  LowerToLLVMOptions options(context);
  options.overrideIndexBitwidth(isa.indexBits);
  LLVMTypeConverter converter(context, options);
  RewritePatternSet patterns(context);
  vector::populateVectorTransferLoweringPatterns(patterns);
  populateVectorToLLVMConversionPatterns(converter, patterns);
  populateMathToLLVMConversionPatterns(converter, patterns, /*approximateLog1p=*/false);
  arith::populateArithToLLVMConversionPatterns(converter, patterns);
  index::populateIndexToLLVMConversionPatterns(converter, patterns);
  populateFinalizeMemRefToLLVMConversionPatterns(converter, patterns);
  cf::populateControlFlowToLLVMConversionPatterns(converter, patterns);
  populateFuncToLLVMConversionPatterns(converter, patterns);
  ub::populateUBToLLVMConversionPatterns(converter, patterns);
  LLVMConversionTarget target(*context);
  target.addLegalOp<ModuleOp>();
  return applyPartialConversion(module, target, std::move(patterns));
}

} // namespace ingot::cpu
