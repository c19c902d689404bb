"""A training step of `cognate train` beside one of TensorFlow, on one core.

NT-Xent on 64 pairs of 28 x 28, the encoder that is shipped, AdamW. Both are given the same work in turns, and the
medians and their ratio are printed:

    cargo build --release -p cognate-train --example step
    pip install tensorflow-cpu
    python host-tools/witness/training_step.py target/release/examples/step
"""

import os
import statistics
import subprocess
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf  # noqa: E402

PAIRS, STEPS, TURNS = 64, 40, 5

tf.config.threading.set_intra_op_parallelism_threads(1)
tf.config.threading.set_inter_op_parallelism_threads(1)


def network():
    layers = tf.keras.layers
    pixels = values = tf.keras.Input((28, 28, 1))
    for channels, stride in ((24, 2), (32, 1), (64, 2), (40, 2)):
        values = layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False)(values)
        values = layers.ReLU()(layers.BatchNormalization(momentum=0.97)(values))
    return tf.keras.Model(pixels, layers.Dense(64)(layers.Flatten()(values)))


encoder = network()
optimizer = tf.keras.optimizers.AdamW(2e-3, weight_decay=1e-4, beta_2=0.99)
others = tf.concat([tf.range(PAIRS) + PAIRS, tf.range(PAIRS)], 0)


@tf.function
def step(views):
    with tf.GradientTape() as tape:
        unit = tf.math.l2_normalize(encoder(views, training=True), axis=1)
        scores = tf.matmul(unit, unit, transpose_b=True) / 0.2 - 1e9 * tf.eye(2 * PAIRS)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(others, scores))
    gradients = tape.gradient(loss, encoder.trainable_variables)
    optimizer.apply_gradients(zip(gradients, encoder.trainable_variables))


def tensorflow(views):
    begin = time.perf_counter()
    for _ in range(STEPS):
        step(views)
    return (time.perf_counter() - begin) * 1e3 / STEPS


def cognate(program):
    said = subprocess.run([program, str(STEPS)], check=True, capture_output=True, text=True).stdout
    return float(said.split()[0])


def main():
    views = tf.random.uniform((2 * PAIRS, 28, 28, 1))
    for _ in range(5):
        step(views)
    turns = [(cognate(sys.argv[1]), tensorflow(views)) for _ in range(TURNS)]
    ours, theirs = (statistics.median(times) for times in zip(*turns))
    print(f"a step: cognate {ours:.1f} ms, TensorFlow {tf.__version__} {theirs:.1f} ms, {ours / theirs:.1f} times as long")


if __name__ == "__main__":
    main()
