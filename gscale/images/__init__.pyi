from .augmentation import Augmentation as Augmentation
from .base import LabelledImages as LabelledImages, UnlabelledImages as UnlabelledImages
from .class_flows import (
    ClassCoupling as ClassCoupling,
    ClassGaussianization as ClassGaussianization,
    FlowGenerator as FlowGenerator,
    fit_flows as fit_flows,
)
from .classifier import (
    Classifier as Classifier,
    ClassifierRecipe as ClassifierRecipe,
    FittedClassifier as FittedClassifier,
    cross_validate as cross_validate,
    fit_classifier as fit_classifier,
)
from .classifier_metrics import calibration_error as calibration_error
from .cvae import Generator as Generator, GeneratorRecipe as GeneratorRecipe, fit_generator as fit_generator
from .datasets import load_images as load_images, split_images as split_images
from .generator_metrics import GeneratorMetrics as GeneratorMetrics, evaluate_images as evaluate_images
from .tasks import (
    classify as classify,
    generate as generate,
    named_images as named_images,
    read_images as read_images,
)
