"""Two classes of small images, and recipes that learn them in seconds."""

import numpy as np

from gscale.flows.checkpoint import Checkpoint
from gscale.images.augmentation import Augmentation
from gscale.images.base import LabelledImages
from gscale.images.classifier import ClassifierRecipe
from gscale.images.cvae import AggregatePosterior, ConvolutionalNets, GeneratorRecipe
from gscale.images.image_training import ImageTraining, OneCycle
from gscale.images.network import ConvNetSpec

LABELS = np.tile([0, 1], 20)
IMAGES = np.zeros((40, 28, 28), np.float32)  # a bar that stands, and one that lies
IMAGES[::2, 4:24, 12:16] = 1
IMAGES[1::2, 12:16, 4:24] = 1
LABELLED = LabelledImages(IMAGES, LABELS, ("0", "1"))
SMALL = ClassifierRecipe(
    ConvNetSpec((4,), 8, dropout=0.1),
    Augmentation(rotation=5, zoom=0.1, shift=1, elastic=0.3),
    ImageTraining(epochs=6, batch=16, learning_rate=1e-2, schedule=OneCycle(), averaging=0.5),
)
SMALL_CVAE = GeneratorRecipe(
    ConvolutionalNets(4, 16),
    3,
    training=ImageTraining(epochs=3, batch=16),
    prior=AggregatePosterior(),
)


class Killed(Checkpoint):
    """A checkpoint after which the second state saved is the last of its process."""

    def save(self, state, setting):
        super().save(state, setting)
        if state.epoch == 2:
            raise KeyboardInterrupt
