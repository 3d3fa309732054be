//! The guards of the protocol, each of which can be taken out of the model.

/// One guard. What goes wrong without it is shown by a test of its own; where it stands in the code is told here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Guard {
    /// A batch is written only under the epoch of the last claim (`store::shared::journal::append_batch`).
    EpochCheckedOnAppend,
    /// Every claim raises the epoch (`store::shared::leases::take_free_jobs`).
    EpochGrowsAtClaim,
    /// A claim takes a job away from a worker whose lease has ended, and from no other
    /// (`store::shared::leases::take_free_jobs`).
    OnlyEndedLeasesAreTaken,
    /// A batch follows the last entry, and one that is stored already is recognised
    /// (`store::shared::journal::append_batch` and `explain_refusal`).
    SequenceCheckedOnAppend,
    /// The intent is committed before the request leaves (`engine::runner::act`).
    IntentBeforeSubmit,
    /// The intent of a create command carries its ledger row (`engine::state::apply::learning::note_intent`).
    LedgerRowBeforeCreate,
    /// The intent of the start marks the replicas as dirty (`engine::state::apply::learning::note_intent`).
    DirtyFromTheIntent,
    /// The cloud refuses a request whose key it knows (`customjobid`; `ossea::cloudstack::commands::call`).
    RequestKeyAtTheCloud,
    /// The cloud is looked at before a command is sent again (`engine::runner::turn`).
    LookBeforeSubmit,
    /// A step is done when its postcondition was seen, not when the cloud says so (`engine::step`).
    PostconditionReadBack,
    /// A job that was cut off or forgotten has an unknown outcome, not none (`engine::runner::waiting::await_job`).
    UnknownResolvedByLooking,
    /// An object that the cloud shows in between is left alone (`engine::step::in_between`).
    WorkInProgressWaitedFor,
    /// A job ends only when the cloud shows no work on its replica (see the crate's documentation: in the code the steps
    /// look, the end does not).
    EndOnlyAtRest,
    /// A request that the cloud does not know is lost only when it cannot be valid any more (`lost_after` in
    /// `engine::runner::waiting::await_job`).
    ValidityWaitedOut,
    /// A request is valid from the proof of the lease, not from its sending (`ossea::OsseaClient::submit_as_of`).
    ValidFromTheProof,
    /// The lease is proved anew before a lost request goes again (`engine::journal::confirm_lease`).
    LeaseConfirmedBeforeResend,
    /// Open commands of the way there come to an end before the way back begins (`engine::driver::turn_back`).
    OpenCommandSettledBeforeReturn,
    /// The entry that ends a job is refused while a request is unheard (`store::shared::journal::most_requests`).
    EndRefusedWhileUnheard,
    /// The entry that ends a job was decided on everything that the job has heard (see the crate's documentation: the
    /// code relies on the order in which the journal's lock is handed out).
    EndDecidedOnWhatWasHeard,
    /// A dirty replica is reverted before it returns (`engine::return_planner`, `engine::step::return_to_oma`).
    RevertBeforeReturn,
    /// A replica whose rollback point was given up is marked before it returns (`engine::step::quarantine`).
    MarkBeforeReturn,
    /// Only what the ledger holds is removed (`engine::return_planner::tidy_up`).
    OnlyTheLedgerIsRemoved,
}

impl Guard {
    /// All guards.
    pub const ALL: [Guard; 22] = [
        Guard::EpochCheckedOnAppend,
        Guard::EpochGrowsAtClaim,
        Guard::OnlyEndedLeasesAreTaken,
        Guard::SequenceCheckedOnAppend,
        Guard::IntentBeforeSubmit,
        Guard::LedgerRowBeforeCreate,
        Guard::DirtyFromTheIntent,
        Guard::RequestKeyAtTheCloud,
        Guard::LookBeforeSubmit,
        Guard::PostconditionReadBack,
        Guard::UnknownResolvedByLooking,
        Guard::WorkInProgressWaitedFor,
        Guard::EndOnlyAtRest,
        Guard::ValidityWaitedOut,
        Guard::ValidFromTheProof,
        Guard::LeaseConfirmedBeforeResend,
        Guard::OpenCommandSettledBeforeReturn,
        Guard::EndRefusedWhileUnheard,
        Guard::EndDecidedOnWhatWasHeard,
        Guard::RevertBeforeReturn,
        Guard::MarkBeforeReturn,
        Guard::OnlyTheLedgerIsRemoved,
    ];

    /// Its name in words.
    pub const fn words(self) -> &'static str {
        match self {
            Guard::EpochCheckedOnAppend => "epoch checked on append",
            Guard::EpochGrowsAtClaim => "epoch grows at claim",
            Guard::OnlyEndedLeasesAreTaken => "only ended leases are taken",
            Guard::SequenceCheckedOnAppend => "sequence checked on append",
            Guard::IntentBeforeSubmit => "intent before submit",
            Guard::LedgerRowBeforeCreate => "ledger row before create",
            Guard::DirtyFromTheIntent => "dirty from the intent",
            Guard::RequestKeyAtTheCloud => "request key at the cloud",
            Guard::LookBeforeSubmit => "look before submit",
            Guard::PostconditionReadBack => "postcondition read back",
            Guard::UnknownResolvedByLooking => "unknown resolved by looking",
            Guard::WorkInProgressWaitedFor => "work in progress waited for",
            Guard::EndOnlyAtRest => "end only at rest",
            Guard::ValidityWaitedOut => "validity waited out",
            Guard::ValidFromTheProof => "valid from the proof of the lease",
            Guard::LeaseConfirmedBeforeResend => "lease confirmed before resend",
            Guard::OpenCommandSettledBeforeReturn => "open command settled before return",
            Guard::EndRefusedWhileUnheard => "end refused while a request is unheard",
            Guard::EndDecidedOnWhatWasHeard => "end decided on what was heard",
            Guard::RevertBeforeReturn => "revert before return",
            Guard::MarkBeforeReturn => "mark before return",
            Guard::OnlyTheLedgerIsRemoved => "only the ledger is removed",
        }
    }
}

/// Which guards stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guards {
    missing: Option<Guard>,
}

impl Guards {
    /// All of them.
    pub const fn all() -> Self {
        Self { missing: None }
    }

    /// All but one.
    pub const fn without(guard: Guard) -> Self {
        Self { missing: Some(guard) }
    }

    /// Whether a guard stands.
    pub fn stand(self, guard: Guard) -> bool {
        self.missing != Some(guard)
    }
}
