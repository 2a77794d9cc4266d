#include <evengrad/training/tensor_names.hpp>

#include <evengrad/core/error.hpp>

#include <gtest/gtest.h>

#include <algorithm>

#include "../temp_folder.hpp"

namespace evengrad {
namespace {

const std::vector<ParameterShape> net = {{"layers.0.weight", {16, 2}},  {"layers.0.bias", {16}},
                                         {"layers.2.weight", {16, 16}}, {"layers.2.bias", {16}},
                                         {"layers.4.weight", {2, 16}},  {"layers.4.bias", {2}}};

Tensor tensor(std::string name, std::vector<Index> shape) {
  std::size_t count = 1;
  for (const Index size : shape) count *= static_cast<std::size_t>(size);
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(i);
  return {std::move(name), std::move(shape), std::move(values)};
}

/// A file with these names for the layers, each with a weight and a bias.
std::vector<Tensor> file(const std::vector<std::string>& layers, const std::string& weight = "weight") {
  std::vector<Tensor> tensors;
  const std::vector<std::vector<Index>> shapes = {{16, 2}, {16, 16}, {2, 16}};
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const std::vector<Index>& shape = shapes[i];
    tensors.push_back(tensor(layers[i] + weight, weight == "kernel" ? std::vector<Index>{shape[1], shape[0]} : shape));
    tensors.push_back(tensor(layers[i] + "bias", {shape[0]}));
  }
  return tensors;
}

std::vector<std::string> adopted(std::vector<Tensor> tensors) {
  adopt_names(tensors, net);
  std::vector<std::string> names;
  for (const Tensor& t : tensors) names.push_back(t.name);
  return names;
}

std::vector<std::string> expected() {
  std::vector<std::string> names;
  for (const ParameterShape& parameter : net) names.push_back(parameter.name);
  return names;
}

TEST(TensorNames, OfOtherProgramsAreMappedWhereThereIsOneWay) {
  for (const std::vector<std::string>& layers :
       std::vector<std::vector<std::string>>{{"layers.0.", "layers.2.", "layers.4."},
                                             {"fc1.", "fc2.", "fc3."},
                                             {"fc9.", "fc10.", "fc11."},
                                             {"net.0.", "net.2.", "net.4."},
                                             {"module.layers.0.", "module.layers.2.", "module.layers.4."},
                                             {"_orig_mod.layers.0.", "_orig_mod.layers.2.", "_orig_mod.layers.4."},
                                             {"0.", "2.", "4."},
                                             {"dense/", "dense_1/", "dense_2/"},
                                             {"encoder.", "middle.", "out."}}) {  // each shape fits one place
    EXPECT_EQ(adopted(file(layers)), expected()) << layers[0];
  }
  std::vector<Tensor> backwards = file({"fc1.", "fc2.", "fc3."});
  std::reverse(backwards.begin(), backwards.end());
  std::vector<std::string> names = expected();
  std::reverse(names.begin(), names.end());
  EXPECT_EQ(adopted(backwards), names);
}

TEST(TensorNames, KernelsOfKerasAreTransposed) {
  std::vector<Tensor> tensors = file({"dense_0.", "dense_1.", "dense_2."}, "kernel");
  adopt_names(tensors, net);
  EXPECT_EQ(tensors[0].name, "layers.0.weight");
  EXPECT_EQ(tensors[0].shape, (std::vector<Index>{16, 2}));
  // Element (input 1, output 3) of the kernel, 1 * 16 + 3, is element (3, 1) of the weight.
  EXPECT_EQ(std::get<std::vector<float>>(tensors[0].values)[3 * 2 + 1], 19);
  // A square one too: its name decides.
  EXPECT_EQ(std::get<std::vector<float>>(tensors[2].values)[3 * 16 + 1], 19);
}

TEST(TensorNames, WhatFitsInSeveralWaysOrNotAtAllIsLeftAlone) {
  std::vector<ParameterShape> same = {{"layers.0.weight", {4, 4}}, {"layers.2.weight", {4, 4}}};
  std::vector<Tensor> two = {tensor("first.weight", {4, 4}), tensor("last.weight", {4, 4})};
  adopt_names(two, same);
  EXPECT_EQ(two[0].name, "first.weight");
  rename_tensors(two, "first=layers.0,last=layers.2");
  EXPECT_EQ(two[0].name, "layers.0.weight");
  EXPECT_EQ(two[1].name, "layers.2.weight");
  std::vector<Tensor> extra = file({"fc1.", "fc2.", "fc3."});
  extra.push_back(tensor("extra", {3}));
  EXPECT_EQ(adopted(extra).front(), "fc1.weight");
  std::vector<Tensor> turned = file({"fc1.", "fc2.", "fc3."});
  turned[0].shape = {2, 16};
  EXPECT_EQ(adopted(turned).front(), "fc1.weight");
}

TEST(TensorNames, ARenameThatChangesNothingIsRefused) {
  std::vector<Tensor> tensors = file({"fc1.", "fc2.", "fc3."});
  const std::string message = error_of<UsageError>([&] { rename_tensors(tensors, "fc4=layers.0"); });
  EXPECT_NE(message.find("'fc4'"), std::string::npos) << message;
  EXPECT_NE(message.find("'fc1.weight' (16, 2)"), std::string::npos) << message;
  EXPECT_NE(error_of<UsageError>([&] { rename_tensors(tensors, "fc1"); }), "");
  EXPECT_NE(error_of<UsageError>([&] { rename_tensors(tensors, "=a"); }), "");
}

}  // namespace
}  // namespace evengrad
