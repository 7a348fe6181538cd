import json
import re
from pathlib import Path

import pytest

from stylegan_cli.training.alarms import Watch, rules
from tests.tiny import tiny

HEALTHY = {
    "score_real": 2.2, "score_fake": -2.2, "r_t": 0.87, "diversity": 0.96,
    "nearest_ratio": 6.8, "w_spread": 0.7, "w_dead": 0.0, "augment_p": 0.3,
}  # fmt: skip


def alarms_of(*overrides, ticks=3, **changes):
    watch = Watch(rules=rules(tiny(*overrides)))
    return [alarm for _ in range(ticks) for alarm in watch.judge({**HEALTHY, **changes})]


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("divergence", {"score_fake": -300.0}, "-300 on fakes.*lower learning rate"),
        ("overfitting", {"r_t": 0.99}, "r_t 0.99.*4.4 apart.*augment.mode=ada"),
        ("collapse", {"diversity": 0.05}, "0.05 times as much"),
        ("memorisation", {"nearest_ratio": 0.2}, "0.20 times as far.*copies"),
        ("collapsed mapping", {"w_spread": 0.05}, "varies by 0.050 of its size"),
        ("dead w", {"w_dead": 0.5}, "50% of the numbers in w"),
        ("leaking augmentations", {"augment_p": 0.85}, "probability 0.85"),
    ],
)
def test_what_goes_wrong_is_told_once_with_its_numbers(name, changes, words):
    (alarm,) = alarms_of(**changes)
    assert alarm.name == name
    assert re.search(words, alarm.message)


def test_a_healthy_tick_gives_no_alarm():
    assert alarms_of() == []


def test_only_what_training_will_not_mend_is_fatal():
    changes = {
        "score_real": -300.0, "r_t": 0.99, "diversity": 0.05, "nearest_ratio": 0.2,
        "w_spread": 0.05, "w_dead": 0.5, "augment_p": 0.85,
    }  # fmt: skip
    fatal = {alarm.name for alarm in alarms_of(**changes) if alarm.is_fatal}
    assert fatal == {"divergence", "collapse", "collapsed mapping"}


def test_scores_of_a_wasserstein_critic_are_large_and_have_no_sign():
    changes = {"score_fake": -300.0, "r_t": 1.0}
    assert alarms_of("loss.adversarial=wgan", **changes) == []
    (alarm,) = alarms_of("loss.adversarial=wgan", score_fake=-1e5)
    assert alarm.name == "divergence"


RECORDED = Path(__file__).parent / "recorded"


def alarms_of_run(path, *overrides):
    watch = Watch(rules=rules(tiny(*overrides)))
    ticks = [json.loads(line) for line in path.read_text().splitlines()]
    return [alarm.name for tick in ticks for alarm in watch.judge(tick)]


@pytest.mark.parametrize("run", sorted(path.name for path in RECORDED.glob("healthy-*")))
def test_a_healthy_run_gives_no_alarm(run):
    loss = "wgan" if "progan" in run else "logistic"
    assert alarms_of_run(RECORDED / run, f"loss.adversarial={loss}") == []


def test_a_run_on_ten_images_gives_alarm():
    assert alarms_of_run(RECORDED / "ten-images.jsonl") == ["overfitting", "memorisation"]


def test_a_slow_tick_is_told_once_until_the_pace_is_back():
    watch = Watch(rules=rules(tiny("report.tick_kimg=10"), threads=4))
    told = [watch.judge({**HEALTHY, "sec_per_kimg": pace}) for pace in (4.0, 11.0, 12.0, 5.0, 11.0)]
    assert [[alarm.name for alarm in alarms] for alarms in told] == [
        *([], ["slow"], [], []),
        ["slow"],
    ]
    assert "this tick took 2.8 times as long as the first" in told[1][0].message


def test_the_pace_of_short_ticks_says_little():
    watch = Watch(rules=rules(tiny("report.tick_kimg=0.1")))
    paces = (4.0, 40.0)
    assert [watch.judge({**HEALTHY, "sec_per_kimg": pace}) for pace in paces] == [[], []]
