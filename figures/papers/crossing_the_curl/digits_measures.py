"""How well generated images represent handwritten digits: Fréchet distance of features, and a classifier's view."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

import analysis

FEATURES, CLASSES = 16, 10


@cache
def images() -> tuple[np.ndarray, np.ndarray]:
    """Images ``(1797, 64)`` with grey values in [-1, 1], and their digits ``(1797,)``.

    Alpaydin & Kaynak (1998), Optical recognition of handwritten digits, as bundled with scikit-learn.
    """
    table = load_digits()
    return table.data / 8 - 1, table.target


@dataclass(frozen=True, eq=False)
class Judge:
    """Features and classifier fitted to real images.

    Attributes
    ----------
    features : PCA
        The 16 leading principal components.
    classifier : LogisticRegression
        Of the ten digits, from all pixels.
    mean, covariance : ndarray
        Of the real images' features.
    """

    features: PCA
    classifier: LogisticRegression
    mean: np.ndarray
    covariance: np.ndarray

    def frechet(self, samples: np.ndarray) -> float:
        """Squared Fréchet distance ``|m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2))`` to the real images' features.

        That of Heusel et al. (arXiv 1706.08500), with principal components in place of a network's features; infinite
        if a value of ``samples`` ``(m, 64)`` is not finite.
        """
        if not np.isfinite(samples).all():
            return float("inf")
        points = self.features.transform(samples)
        return float(analysis.bures(self.mean, self.covariance, points.mean(axis=0), np.cov(points.T)) ** 2)

    def entropy(self, samples: np.ndarray) -> float:
        """Entropy of the digits that the classifier sees in ``(m, 64)``, in nats: at most log 10; 0 if not finite."""
        return entropy(self.classifier.predict(samples)) if np.isfinite(samples).all() else 0.0


def entropy(labels: np.ndarray) -> float:
    """Entropy of the relative frequencies of labels, in nats.

    Examples
    --------
    >>> round(float(entropy(np.array([3, 3, 7, 7])) / np.log(2)), 12)
    1.0
    """
    shares = np.unique(labels, return_counts=True)[1] / len(labels)
    return float(-(shares * np.log(shares)).sum())


@cache
def judge() -> Judge:
    """Fit the judge to all real images."""
    points, digits = images()
    features = PCA(FEATURES, random_state=0).fit(points)
    found = features.transform(points)
    classifier = LogisticRegression(max_iter=2000).fit(points, digits)
    return Judge(features, classifier, found.mean(axis=0), np.cov(found.T))
