#include <evengrad/layers/mlp.hpp>
#include <evengrad/training/model_file.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/init/initializer.hpp>
#include <evengrad/training/safetensors.hpp>

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <cmath>

#include "../temp_folder.hpp"

namespace evengrad {
namespace {

using Json = nlohmann::json;

class ModelFile : public testing::Test {
 protected:
  ModelFile() {
    auto model = mlp<float>(
        {.inputs = 2, .hidden = {3}, .outputs = 2, .activations = {activation("elu(1.5)")}, .norm = Norm::batch});
    model.initialize(initializer("he"), Rng(1));
    save_model(path, model, {.name = "made", .feature_names = {"a", "b"}, .class_names = {"x", "y"}});
    written = load_safetensors(path);
    good = written;
    good.metadata["architecture"] = Json{{"type", "mlp"},  {"inputs", 2},       {"hidden", {3}},
                                         {"outputs", 2},   {"norm", "batch"},   {"activations", {"elu(1.5)"}},
                                         {"dropout", 0.0}, {"residual", false}, {"activation", "elu(1.5)"}}
                                        .dump();
  }

  /// What loading says after the path, which it must name, when the file is changed like this.
  template <class Change>
  std::string refusal(Change change) {
    Safetensors file = good;
    change(file);
    save_safetensors(path, file.tensors, file.metadata);
    const std::string message = error_of<FileError>([&] { load_model<float>(path); });
    const std::string prefix = "'" + path.string() + "': ";
    EXPECT_TRUE(message.starts_with(prefix)) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return message.substr(std::min(message.size(), prefix.size()));
  }

  /// The same for a change of the architecture, without the words that all of these share.
  std::string architecture(const Json& changes) {
    const std::string message = refusal([&](Safetensors& file) {
      Json json = Json::parse(file.metadata["architecture"]);
      json.update(changes);
      file.metadata["architecture"] = json.dump();
    });
    const std::string prefix = "its description of the model is wrong: ";
    EXPECT_TRUE(message.starts_with(prefix)) << message;
    return message.substr(std::min(message.size(), prefix.size()));
  }

  static Tensor& tensor(Safetensors& file, std::string_view name) {
    return *std::find_if(file.tensors.begin(), file.tensors.end(), [&](const Tensor& t) { return t.name == name; });
  }

  TempFolder folder;
  std::filesystem::path path = folder.path() / "model.safetensors";
  Safetensors written;  ///< by this program
  Safetensors good;     ///< as programs before nets in one line wrote it
};

TEST_F(ModelFile, ComesBackWhole) {
  SavedModel<float> saved = load_model<float>(path);
  EXPECT_EQ(saved.model.word(), "linear(3) batchnorm elu(1.5) linear(2)");
  EXPECT_EQ(saved.inputs, (Shape{1, 2}));
  EXPECT_EQ(saved.data.class_names, (std::vector<std::string>{"x", "y"}));
  save_model(folder.path() / "again", saved.model, saved.data);
  EXPECT_EQ(load_safetensors(folder.path() / "again").metadata, written.metadata);
  EXPECT_NO_THROW(load_model<double>(path));
}

TEST_F(ModelFile, FilesOfBeforeNetsInOneLineAreRead) {
  save_safetensors(path, good.tensors, good.metadata);
  SavedModel<float> saved = load_model<float>(path);
  save_model(folder.path() / "again", saved.model, saved.data);
  EXPECT_EQ(load_safetensors(folder.path() / "again").metadata, written.metadata);
}

TEST_F(ModelFile, ItsLineIsBelievedNoFurtherThanItsTensors) {
  good = written;
  EXPECT_NE(architecture({{"net", "linear(30000) relu linear(2)"}}).find("parameters are more than the 29"),
            std::string::npos);
  EXPECT_NE(architecture({{"net", "linear(3) rleu"}}).find("unknown layer or activation 'rleu': did you mean 'relu'?"),
            std::string::npos);
  EXPECT_EQ(architecture({{"inputs", 0}}), "a width is '0', expected a whole number from 1 on");
  EXPECT_EQ(architecture({{"height", 2}, {"width", 3}}), "its height and width are not those of its rows");
}

TEST_F(ModelFile, ItsBytesAreTheFile) {
  SavedModel<float> saved = load_model<float>(path);
  EXPECT_EQ(model_bytes(saved.model, saved.data), read_file(path));
}

TEST_F(ModelFile, TensorsMustBeThoseOfTheModel) {
  const std::string missing = refusal([](Safetensors& file) { file.tensors[0].name = "other"; });
  EXPECT_TRUE(missing.starts_with("has no tensor '" + good.tensors[0].name + "' (3); it has 'layers.0.weight' (3, 2), ")) << missing;
  const std::string extra = refusal([](Safetensors& file) {
    file.tensors.push_back({"../../x\n", {1}, std::vector<float>{1}});
  });
  EXPECT_TRUE(extra.starts_with("tensor '../../x\\x0a' belongs to no parameter of the model; it has ")) << extra;
  EXPECT_EQ(
      refusal([](Safetensors& file) {
        tensor(file, "layers.0.weight").shape = {2, 3};
      }),
      "tensor 'layers.0.weight' is (2, 3), the model's is (3, 2): transposed, as kernels of Keras are; save it as "
      "(outputs, inputs)");
  for (const auto& [value, shown] : {std::pair(NAN, "nan"), std::pair(-INFINITY, "-inf")}) {
    EXPECT_EQ(refusal([value = value](Safetensors& file) {
                std::get<std::vector<float>>(tensor(file, "layers.0.weight").values)[4] = value;
              }),
              text("tensor 'layers.0.weight' holds ", shown, " at element 4"));
  }
}

TEST_F(ModelFile, AnotherArchitectureIsRefused) {
  EXPECT_EQ(architecture({{"type", "transformer"}}), "its type is neither 'net' nor 'mlp'");
  EXPECT_EQ(architecture({{"norm", "bach\n"}}),
            "unknown value of --norm 'bach\\x0a': did you mean 'batch'? (known: none, batch, layer)");
  EXPECT_TRUE(architecture({{"activations", {"rleu"}}}).starts_with("unknown activation 'rleu': did you mean 'relu'?"));
  EXPECT_EQ(architecture({{"activations", {"relu", "relu"}}}), "it has 2 activations for 1 hidden layers");
  EXPECT_EQ(architecture({{"activations", Json::array()}}),
            "expected one activation, or one for each of the 1 hidden layers, got 0");
  EXPECT_EQ(architecture({{"dropout", 1}}), "dropout must be in [0, 1), got 1");
  EXPECT_NE(architecture({{"residual", 1}}), "");
  EXPECT_NE(architecture({{"hidden", "3"}}), "");
}

// A file cannot make us reserve more than it holds: 30000 x 30000 weights, cancelled by a negative width, took 3.6 GB.
TEST_F(ModelFile, WidthsAreBelievedAsFarAsTensorsConfirmThem) {
  for (const Json& width :
       {Json(0), Json(-3), Json(2.5), Json(1e300), Json("3"), Json(nullptr), Json(18446744073709551615u)}) {
    const std::string expected = "a width is '" + width.dump() + "', expected a whole number from 1 on";
    EXPECT_EQ(architecture({{"inputs", width}}), expected);
    EXPECT_EQ(architecture({{"hidden", {width}}}), expected);
    EXPECT_EQ(architecture({{"outputs", width}}), expected);
  }
  EXPECT_EQ(architecture({{"inputs", 30000}, {"hidden", {30000, -30000}}}),
            "a width is '-30000', expected a whole number from 1 on");
  EXPECT_EQ(architecture({{"hidden", {30000}}}), "its widths need 270002 numbers, the file holds 29");
  EXPECT_EQ(architecture({{"inputs", 9223372036854775807u}}), "its widths need 2.76701e+19 numbers, the file holds 29");
  EXPECT_EQ(architecture({{"hidden", std::vector<int>(1000, 1)}}), "it has 1001 layers, the file 8 tensors");
}

TEST_F(ModelFile, AFileWithParametersOnlyIsNoModelAndNoError) {
  SavedModel<float> saved = load_model<float>(path);
  EXPECT_TRUE(find_model<float>(path));
  save_parameters(folder.path() / "plain", saved.model);
  EXPECT_FALSE(find_model<float>(folder.path() / "plain"));
  EXPECT_THROW(find_model<float>(folder.path() / "none"), FileError);
}

TEST_F(ModelFile, WhatIsNoSavedModelIsRefused) {
  const auto metadata = [&](const char* key, const std::string& value) {
    return refusal([&](Safetensors& file) { file.metadata[key] = value; });
  };
  EXPECT_EQ(refusal([](Safetensors& file) { file.metadata.clear(); }),
            "not a model saved by evengrad (its metadata has no 'schema_version')");
  EXPECT_EQ(metadata("schema_version", "2\n"), "schema version '2\\x0a', this program reads 1");
  for (const char* wrong : {"", "mlp", "[]", "{}", "null", "{\"type\":\"mlp\"}"}) {
    EXPECT_TRUE(metadata("architecture", wrong).starts_with("its description of the model is wrong: ")) << wrong;
  }
  EXPECT_NE(metadata("feature_names", "[1]"), "");
  EXPECT_NE(metadata("normalization", "[]"), "");
  const std::string wrong = "its description of the model is wrong: ";
  EXPECT_EQ(metadata("feature_names", R"(["a"])"), wrong + "it has 1 feature names, expected 2");
  EXPECT_EQ(metadata("class_names", R"(["x", "y", "z"])"), wrong + "it has 3 class names, expected 2");
  EXPECT_EQ(metadata("normalization", R"({"mean": [1, 2, 3], "scale": [1, 1, 1]})"),
            wrong + "it has 3 means, expected 2");
  EXPECT_EQ(metadata("normalization", R"({"mean": [1, 2], "scale": [1]})"), wrong + "it has 1 scales, expected 2");
  EXPECT_EQ(metadata("normalization", R"({"mean": [1, 2], "scale": [1, 0]})"),
            wrong + "a scale of its normalization is 0, expected a positive number");
  EXPECT_EQ(metadata("class_names", "[" + std::string(300'000, '[')),
            "its description of the model is wrong: its metadata have a list of more than 100001 values");
}

}  // namespace
}  // namespace evengrad
