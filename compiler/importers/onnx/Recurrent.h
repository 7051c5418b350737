// What the rows of LSTM, GRU and RNN have in common.
#pragma once

#include "compiler/importers/onnx/OnnxNode.h"

namespace ingot::onnximport {

struct RecurrentLayer {
  Direction direction;
  int64_t directions = 1;
  bool batchFirst = false;
  /// input [T, B, I], weight [D, G·H, I], recurrence [D, G·H, H], biases [D, G·H], hidden [D, B,
  /// H].
  mlir::Value input, weight, recurrence, inputBias, recurrenceBias, hidden;
  /// Whether the graph level's layer does not express it: anything below is not the default.
  bool stepwise = false;
  llvm::SmallVector<std::string> activations; ///< direction by direction
  llvm::SmallVector<double> alphas, betas;    ///< of the activations that have them, in order
  double clip = 0.0;                          ///< of what activations are given; 0: none
  mlir::Value lengths;                        ///< [B], or null: all T
  mlir::Value peepholes;                      ///< [D, 3·H] (i, o, f), or null
};

/// The layers written out step by step: output [T, D, B, H], last hidden state [D, B, H] (LSTM: and
/// cell). Empty after an error.
llvm::SmallVector<mlir::Value> lstmBySteps(OnnxNode &n, const RecurrentLayer &layer,
                                           mlir::Value cell, bool coupled);
llvm::SmallVector<mlir::Value> gruBySteps(OnnxNode &n, const RecurrentLayer &layer,
                                          bool linearBeforeReset);
llvm::SmallVector<mlir::Value> rnnBySteps(OnnxNode &n, const RecurrentLayer &layer);

} // namespace ingot::onnximport
