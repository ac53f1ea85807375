"""Priority classes are names that the profile ranks."""

from hutong.model.classes import DEFAULT_CLASSES, ClassRule, is_class, rank_of, weaker_from

OWN = (ClassRule("gold", evicts_from="lead"), ClassRule("lead"), ClassRule("night", "gold"))


def test_the_place_in_the_list_is_the_rank_and_unknown_names_come_last() -> None:
    assert [rank_of(rule.name, OWN) for rule in OWN] == [0, 1, 2]
    assert rank_of("normal", OWN) == 3
    assert rank_of("normal", DEFAULT_CLASSES) == 2


def test_a_class_evicts_only_what_comes_after_it() -> None:
    assert weaker_from("gold", OWN) == 1
    assert weaker_from("lead", OWN) is None
    assert weaker_from("night", OWN) == 3
    assert weaker_from("unknown", OWN) is None


def test_a_number_names_no_class() -> None:
    assert is_class("night-2")
    assert not is_class("7")
    assert not is_class("Night")
