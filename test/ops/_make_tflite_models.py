#!/usr/bin/env python3
"""Makes small whole .tflite models: float, fully int8, with 16-bit activations (int16x8), with 8-bit weights only; stores what LiteRT computes for them in test/ops/tflite.

Weights are random: what is tested is the converter's graphs, not what a network has learned. Needs tensorflow beside what
_make_tflite_cases.py needs: python3 test/ops/_make_tflite_models.py
"""
import os
import sys

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from keras import layers

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tflite")
MODELS = {}


def model(*shape):
    def keep(build):
        MODELS[build.__name__] = (shape, build)
        return build

    return keep


def convolution(x, count, stride=1, depthwise=False):
    if depthwise:
        x = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
        stride = 1
    x = layers.Conv2D(count, 1 if depthwise else 3, stride, padding="same", use_bias=False)(x)
    return layers.ReLU(6.0)(layers.BatchNormalization()(x))


@model(1, 32, 32, 3)
def mobile(x):
    """An image classifier: depthwise convolutions, a residual block, an average over the image."""
    x = convolution(x, 8, 2)
    for count, stride in ((16, 1), (24, 2)):
        x = convolution(x, count, stride, depthwise=True)
    y = layers.Conv2D(24, 1, padding="same")(convolution(x, 24, 1, depthwise=True))
    x = convolution(layers.Add()([x, y]), 32, 2, depthwise=True)
    return layers.Softmax()(layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


@model(1, 49, 10, 1)
def keywords(x):
    """Keyword spotting (DS-CNN): a wide first filter, depthwise blocks, an average pool."""
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(16, (10, 4), 2, padding="same")(x)))
    for _ in range(2):
        x = convolution(x, 16, 1, depthwise=True)
    return layers.Softmax()(layers.Dense(12)(layers.Flatten()(layers.AveragePooling2D((25, 5))(x))))


@model(1, 160)
def autoencoder(x):
    """Anomaly detection: dense layers with a narrow one in the middle."""
    for width in (64, 64, 8, 64, 64):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(width)(x)))
    return layers.Dense(160)(x)


@model(1, 16, 16, 3)
def segmenter(x):
    """A small U-Net: transposed convolution, resize, concatenation, hard swish and sigmoid."""
    first = convolution(x, 8)
    second = convolution(layers.MaxPooling2D()(first), 16)
    up = layers.Conv2DTranspose(8, 3, 2, padding="same")(second)
    wide = layers.UpSampling2D(interpolation="bilinear")(second)
    x = layers.Concatenate()([first, up, wide])
    return layers.Activation("sigmoid")(layers.Conv2D(1, 3, padding="same", activation="hard_swish")(x))


@model(1, 20, 8)
def recurrent(x):
    """A GRU and an LSTM layer over time; float only."""
    x = layers.GRU(16, return_sequences=True, unroll=True)(x)
    return layers.Dense(5)(layers.LSTM(12, unroll=True)(x))


def arrays(shape, seed):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


# What activations are stored in: name of the case → the converter's set of operators and type.
QUANTIZED = {"q_int8_model_": (tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.int8),
             "q_int16_model_": (tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8, tf.int16)}


def convert(network, shape, kind):
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    if kind != "model_":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind in QUANTIZED:
        converter.representative_dataset = lambda: ([arrays(shape, 100 + i)] for i in range(32))
        operators, dtype = QUANTIZED[kind]
        converter.target_spec.supported_ops = [operators]
        converter.inference_input_type = converter.inference_output_type = dtype
    return converter.convert()


# The cases of a model; the converter has no 16-bit hard swish, and integers in layers over time only with a signature of their own.
KINDS = dict(mobile=("model_", *QUANTIZED), keywords=("model_", *QUANTIZED), autoencoder=("model_", *QUANTIZED, "hybrid_model_"),
             segmenter=("model_", "q_int8_model_"), recurrent=("model_",))


def main():
    for name, (shape, build) in MODELS.items():
        keras.utils.set_random_seed(7)
        start = keras.Input(batch_shape=shape)
        network = keras.Model(start, build(start))
        # Statistics that are not those of a fresh layer.
        for index, layer in enumerate(network.layers):
            if isinstance(layer, layers.BatchNormalization):
                random = np.random.default_rng(index)
                layer.set_weights([random.uniform(low, high, w.shape) for w, (low, high) in
                                   zip(layer.get_weights(), ((0.7, 1.3), (-0.3, 0.3), (-0.2, 0.2), (0.3, 1.0)))])
        for kind in KINDS[name]:
            content = convert(network, shape, kind)
            interpreter = Interpreter(model_content=content,
                                      experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
            interpreter.allocate_tensors()
            into, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
            x = arrays(shape, 3)
            if kind in QUANTIZED:
                scale, zero = into["quantization"]
                limits = np.iinfo(into["dtype"])
                x = np.clip(np.round(x / scale) + zero, limits.min, limits.max).astype(into["dtype"])
            interpreter.set_tensor(into["index"], x)
            interpreter.invoke()
            path = os.path.join(HERE, kind + name)
            with open(path + ".tflite", "wb") as file:
                file.write(content)
            np.savez_compressed(path + ".npz", in0=x, out0=interpreter.get_tensor(out["index"]))
            print(f"{os.path.basename(path)}: {len(content)} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
