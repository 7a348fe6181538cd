from stylegan_cli.training.alarms import Alarm, Rule, Watch


def watch(**changes):
    rule = Rule(
        name="heat",
        value=lambda stats: stats.get("degrees"),
        raised_from=90.0,
        cleared_below=70.0,
        words=lambda stats: f"{stats['degrees']} degrees",
        **changes,
    )
    return Watch(rules=[rule])


def raised_at(watched, values):
    ticks = [{} if value is None else {"degrees": value} for value in values]
    return [place for place, tick in enumerate(ticks) if watched.judge(tick)]


def test_an_alarm_says_what_was_seen():
    (alarm,) = watch(is_fatal=True).judge({"degrees": 95})
    assert alarm == Alarm(name="heat", message="95 degrees", is_fatal=True)


def test_an_alarm_is_not_repeated_while_it_lasts():
    assert raised_at(watch(), [80, 90, 99, 95]) == [1]


def test_an_alarm_comes_again_only_after_it_had_gone():
    assert raised_at(watch(), [90, 80, 90, 70, 90, 60, 90]) == [0, 6]


def test_a_single_high_tick_may_be_chance():
    assert raised_at(watch(ticks=3), [90, 90, 80, 90, 90, 90, 90]) == [5]


def test_a_tick_that_does_not_tell_the_value_changes_nothing():
    assert raised_at(watch(ticks=2), [90, None, 90, None, 90]) == [2]


def test_a_run_that_goes_on_does_not_repeat_itself():
    first = watch()
    assert raised_at(first, [90]) == [0]
    again = Watch(rules=first.rules, counts=dict(first.counts))
    assert raised_at(again, [90]) == []
