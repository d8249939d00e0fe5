"""Routing layers and the blocks around them, each useful on its own."""

from keras_bigs.layers.activations import gelu_tanh
from keras_bigs.layers.bi_lstm import BiLSTM
from keras_bigs.layers.bi_ssm import BiSSM
from keras_bigs.layers.block import Block
from keras_bigs.layers.blocks import BLOCKS
from keras_bigs.layers.fourier_mixing import FourierMixing
from keras_bigs.layers.gated_bigs_block import GatedBiGSBlock
from keras_bigs.layers.gated_convolution import GatedConvolution
from keras_bigs.layers.mean_pooling import MeanPooling
from keras_bigs.layers.routing import RoutingOptions
from keras_bigs.layers.routing import get_routing
from keras_bigs.layers.routing import register_routing
from keras_bigs.layers.routing import routing_names
from keras_bigs.layers.routing_layer import RoutingLayer
from keras_bigs.layers.s4d_kernel import S4DKernel
from keras_bigs.layers.self_attention import SelfAttention
from keras_bigs.layers.sliding_window_attention import SlidingWindowAttention
from keras_bigs.layers.stack_block import StackBlock
