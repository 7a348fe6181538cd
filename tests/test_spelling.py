from stylegan_cli.errors import meant, meant_or_all


def test_a_misspelt_name_leads_to_the_one_most_like_it():
    assert meant("lerpw", ["lerp-z", "lerp-w"]) == "; did you mean lerp-w?"


def test_a_name_unlike_all_others_leads_nowhere():
    assert meant("xyz", ["fid", "kid"]) == ""


def test_a_name_unlike_all_others_is_told_all_there_are():
    assert meant_or_all("xyz", ["fid", "kid"], offer="there are") == "; there are fid, kid"


def test_who_is_led_to_a_name_is_not_told_the_others():
    assert meant_or_all("kidd", ["fid", "kid"]) == "; did you mean kid?"
