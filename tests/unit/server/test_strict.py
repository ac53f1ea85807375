import pytest

from hutong.lifecycle.sync import SyncRequest
from hutong.model.errors import HutongError
from hutong.server.strict import LARGEST_REPORTED, StrictDecoder, nearest
from hutong.wire.api import PlanRequest, SubmitRequest, TenantRequest

SUBMIT = StrictDecoder(SubmitRequest)


@pytest.mark.parametrize(
    ("body", "field", "advice"),
    [
        (b'{"spek":1}', "spek", "`spec`"),
        (b'{"spec":{"name":"a","program":{"argv":["x"],"zzz":{}}}}',
         "spec.program.zzz", "Known are script"),
        (b'{"spec":{"name":"a","program":{},"needs":{"accelerators":[{"speed_mili":3}]}}}',
         "spec.needs.accelerators[0].speed_mili", "`speed_milli`"),
        (b'{"spec":{"name":"a","program":{},"array":{"cuont":3}}}',
         "spec.array.cuont", "`count`"),
    ],
)  # fmt: skip
def test_an_unknown_field_is_named_with_the_nearest_one(
    body: bytes, field: str, advice: str
) -> None:
    with pytest.raises(HutongError) as caught:
        SUBMIT.decode(body)
    assert caught.value.code == "request.unknown_field"
    assert caught.value.facts["field"] == field
    assert advice in caught.value.hint


def test_an_unknown_field_within_a_list_is_found() -> None:
    with pytest.raises(HutongError) as caught:
        StrictDecoder(PlanRequest).decode(b'{"specs":[{"name":"a","program":{"argvs":[]}}]}')
    assert caught.value.facts["field"] == "specs[0].program.argvs"


def test_keys_of_a_free_map_are_free() -> None:
    body = b'{"quota":{"accelerator_milli_by_model":{"anything at all":1}}}'
    request = StrictDecoder(TenantRequest).decode(body)
    assert request.quota.accelerator_milli_by_model == {"anything at all": 1}


@pytest.mark.parametrize("number", [b"9007199254740992", b"-9007199254740992", b"1e400"])
def test_a_number_that_json_readers_disagree_on_is_refused(number: bytes) -> None:
    with pytest.raises(HutongError, match=r"request\.malformed"):
        SUBMIT.decode(b'{"spec":{"name":"a","program":{},"tasks":%b}}' % number)


@pytest.mark.parametrize(
    "body",
    [
        b'{"spec":{"name":"\\ud800","program":{}}}',
        b'{"spec":{"name":"\xed\xa0\x80","program":{}}}',
        b'{"spec":null}',
        b"NaN",
        b'{"spec":{"name":"a","program":{}}} trailing',
    ],
)
def test_what_is_not_json_of_the_right_form_is_malformed(body: bytes) -> None:
    with pytest.raises(HutongError, match=r"request\.malformed") as caught:
        SUBMIT.decode(body)
    assert "Traceback" not in caught.value.message


def test_what_is_read_is_what_the_type_reads() -> None:
    request = SUBMIT.decode(b'{"spec":{"name":"a","program":{"argv":["true"]}},"key":"k"}')
    assert type(request) is SubmitRequest
    assert request.spec.tasks == 1


def test_a_lenient_reader_skips_fields_and_bounds_numbers() -> None:
    decoder = StrictDecoder(SyncRequest, skips_unknown=True, largest=LARGEST_REPORTED)
    observation = (
        b'{"attempt":"a","state":"ended","ended":{"code":"user.exit_code","exit_code":%d}}'
    )
    body = b'{"site":"bj","session":"s","new":1,"observations":[' + observation + b"]}"
    assert decoder.decode(body % 3).observations[0].ended is not None
    with pytest.raises(HutongError, match=r"request\.malformed"):
        decoder.decode(body % (LARGEST_REPORTED + 1))


def test_advice_for_a_name_like_no_other_lists_all() -> None:
    assert nearest("zzz", ("one", "two")) == "Known are one, two."
    assert nearest("x", ()) == "There is none at all."
