"""From Keras to ONNX: conversion, heatmap and novelty outputs, calibration, and the checks that both agree."""
