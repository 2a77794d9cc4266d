// Everything a program needs to build, train and study small networks.
#pragma once

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/gradient_check.hpp>
#include <evengrad/core/math.hpp>
#include <evengrad/core/ops.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/init/initializer.hpp>
#include <evengrad/layers/activation_layer.hpp>
#include <evengrad/layers/linear.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/layers/registry.hpp>
#include <evengrad/optim/clip.hpp>
#include <evengrad/optim/optimizer.hpp>
#include <evengrad/optim/schedule.hpp>
#include <evengrad/training/checkpoint.hpp>
#include <evengrad/training/ensemble.hpp>
#include <evengrad/training/health.hpp>
#include <evengrad/training/model_file.hpp>
#include <evengrad/training/trainer.hpp>
