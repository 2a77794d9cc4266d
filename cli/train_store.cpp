#include "train_store.hpp"

#include <evengrad/core/error.hpp>

#include <iterator>
#include <limits>

namespace evengrad::cli {

namespace {

constexpr const char *rows_set = "layers", *epochs_set = "epochs", *findings_set = "findings";

}  // namespace

TrainStore::TrainStore(const ResultsOptions& options, const ResultsFolder::Facts& facts, std::string settings)
    : settings_(std::move(settings)) {
  if (!options.out.empty()) folder_.emplace(options, facts);
}

void TrainStore::begin(const TrainingRecord& record) {
  if (!folder_) return;
  folder_->store()->erase(set(rows_set), static_cast<int>(record.rows.size()));
  folder_->store()->erase(set(epochs_set), static_cast<int>(record.epochs.size()) + 1);
  folder_->store()->erase(set(findings_set), 0);
}

void TrainStore::add_rows(const TrainingRecord& record, std::size_t count) {
  if (!folder_) return;
  for (std::size_t i = record.rows.size() - count; i < record.rows.size(); ++i) {
    const LayerRow& row = record.rows[i];
    folder_->store()->add(set(rows_set),
                          {static_cast<int>(i), text("step ", row.step, ", ", row.name), to_row(row), 0});
  }
}

void TrainStore::add_epoch(const TrainingRecord& record) {
  if (!folder_) return;
  const EpochReport& epoch = record.epochs.back();
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> losses, rates;
  auto first = record.steps.end();
  while (first != record.steps.begin() && std::prev(first)->epoch == epoch.epoch) --first;
  for (; first != record.steps.end(); ++first) {
    losses.push_back(first->loss);
    rates.push_back(first->learning_rate);
  }
  const Row row = {{"epoch", static_cast<double>(epoch.epoch)},
                   {"train_loss", epoch.train.loss},
                   {"train_accuracy", epoch.train.accuracy.value_or(none)},
                   {"test_loss", epoch.test ? epoch.test->loss : none},
                   {"test_accuracy", epoch.test ? epoch.test->accuracy.value_or(none) : none},
                   {"losses", std::move(losses)},
                   {"learning_rates", std::move(rates)}};
  folder_->store()->add(set(epochs_set),
                        {static_cast<int>(epoch.epoch), text("epoch ", epoch.epoch), row, epoch.seconds});
}

void TrainStore::set_findings(const std::vector<Finding>& findings) {
  if (!folder_) return;
  folder_->store()->erase(set(findings_set), 0);
  for (std::size_t i = 0; i < findings.size(); ++i) {
    const Finding& finding = findings[i];
    const Row row = {{"rule", finding.rule},       {"severity", finding.severity},
                     {"where", finding.where},     {"since_step", static_cast<double>(finding.since_step)},
                     {"message", finding.message}, {"try", finding.remedy}};
    folder_->store()->add(set(findings_set), {static_cast<int>(i), finding.rule + " at " + finding.where, row, 0});
  }
}

}  // namespace evengrad::cli
