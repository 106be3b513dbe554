//! The adapters' cases, each a test of its own: a failure names the case.

/// A suite of js/test. A case that is listed on one side alone fails.
macro_rules! suite {
    ($suite:ident: $($case:ident)+) => {
        mod $suite {
            use crate::web::{names, run};
            use wasm_bindgen::JsValue;
            use wasm_bindgen_test::wasm_bindgen_test;

            #[wasm_bindgen_test]
            fn every_case_is_run() {
                assert_eq!(names(stringify!($suite)), [$(stringify!($case)),+]);
            }

            $(
                #[wasm_bindgen_test]
                async fn $case() -> Result<(), JsValue> {
                    run(stringify!($suite), stringify!($case)).await
                }
            )+
        }
    };
}

suite! { conformance:
    a_key_comes_back_with_its_first_row_and_signs
    a_key_is_deleted_and_none_is_kept_of_a_write_that_fails
    rows_come_back_as_they_were_added
    an_empty_store_has_nothing
    an_empty_write_succeeds
    a_read_stops_at_its_limit_of_rows
    a_read_stops_at_its_limit_of_bytes
    a_read_brings_one_row_whatever_its_size
    a_long_read_has_no_seams
    rows_are_read_by_seq_whatever_the_order_they_were_added_in
    the_last_row_is_the_one_with_the_highest_seq
    rows_are_counted_by_chain
    a_collision_leaves_nothing_of_its_write
    a_collision_further_on_leaves_no_row
    a_write_that_collides_with_itself_leaves_nothing
    operations_take_effect_in_the_order_they_were_called
    promises_settle_in_the_order_of_the_writes
    metas_come_by_ascending_key
    a_meta_is_overwritten
    metas_hold_any_text
    a_removal_includes_both_ends
    a_removal_of_nothing_succeeds
    a_row_is_replaced_by_removing_and_adding_it
    two_handles_share_one_content
    big_values_come_back_whole
    what_the_caller_does_with_its_arrays_afterwards_changes_nothing
    a_store_works_on_after_it_was_closed
    a_wipe_comes_after_what_was_called_before_it
    a_wiped_store_is_closed_for_good
}

suite! { idb:
    what_was_stored_is_there_when_it_is_opened_again
    two_databases_have_nothing_in_common
    the_object_stores_are_laid_out_as_documented
    a_write_is_relaxed_and_committed_before_the_call_returns
    a_write_never_reads
    a_database_deleted_under_an_open_store_is_opened_anew
    a_database_deleted_under_two_stores_both_are_told_and_neither_loses_what_it_writes_then
    what_is_under_way_when_the_database_is_deleted_still_settles
    a_connection_that_the_browser_closed_is_opened_anew
    operations_wait_in_order_while_the_store_is_opened_anew
    a_store_that_was_closed_opens_once_for_all_that_is_asked
    a_close_lets_what_is_under_way_finish
    a_connection_lost_without_a_word_is_opened_anew_once
    a_newer_release_may_upgrade_at_once_and_the_store_stays_out_of_it
    a_failure_to_open_is_marked_as_handled
    a_database_of_the_first_layout_gets_the_object_store_that_it_lacks
    a_database_that_the_browser_has_thrown_away_is_said_to_be_and_is_empty
    a_database_without_our_object_stores_is_corrupt
    without_indexeddb_the_store_is_disabled
    the_reason_of_an_abort_is_read_from_the_transaction
    success_is_not_reported_before_the_transaction_is_complete
    what_cannot_even_be_asked_leaves_nothing
    no_failure_reaches_the_page
    a_wipe_deletes_the_database
    of_two_pages_that_wipe_at_once_one_is_told_of_what_was_there
    a_closed_store_can_be_wiped
    a_wipe_blocked_by_a_frozen_page_deletes_the_content_all_the_same
}

suite! { locks:
    a_lock_has_one_holder
    a_released_lock_goes_to_who_waits_longest
    a_free_lock_is_granted_later_not_inside_the_call
    who_leaves_the_queue_is_never_called
    who_leaves_the_queue_at_once_holds_nothing
    a_lock_granted_while_its_request_is_withdrawn_is_given_back
    what_waitlock_returns_gives_a_granted_lock_back
    a_lock_is_given_back_when_what_it_was_granted_to_throws
    without_web_locks_there_is_no_lock_to_be_had
}

suite! { channel:
    what_one_end_says_the_others_hear
    a_closed_end_hears_and_says_nothing_more
    what_is_not_text_is_passed_over
    an_end_may_close_while_it_hears
    without_broadcastchannel_nobody_is_heard
}

suite! { lifecycle:
    the_network_comes_back
    a_page_that_goes_away_is_leaving_one_that_may_come_back_is_frozen
    a_page_that_is_shown_again_has_resumed_one_that_is_shown_first_has_not
    a_document_freezes_and_resumes
    a_page_in_the_back_forward_cache_is_frozen_once_and_resumes_once
    a_document_is_hidden_and_shown_without_a_word
    nothing_that_would_keep_a_page_out_of_the_back_forward_cache_is_listened_to
}
