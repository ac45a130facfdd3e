"""Every bound of the program, each a named constant with its unit in the name or the comment.

Nothing here is computed and nothing is read from outside, so any room may import it.
"""

# Names and texts at the edge.
NAME_CHARS_MAX = 40
BODY_BYTES_MAX = 64 * 1024  # one message
STATUS_CHARS_MAX = 200
PATH_CHARS_MAX = 4096
ALLOW_RULES_MAX = 200
ALLOW_RULE_CHARS_MAX = 500
RECIPIENTS_MAX = 1_000  # of one broadcast
AGENTS_MAX = 1_000
COMMAND_ID_CHARS_MAX = 128
SUMMARY_CHARS_MAX = 160  # a tool call in the log
DETAIL_CHARS_MAX = 500  # an error text in the log
MODEL_CHARS_MAX = 120

# The log and its store.
WRITER_QUEUE_MAX = 20_000  # commands handed to the writer and not yet durable
WRITER_BATCH_MAX = 2_000  # events of one fsync
EVENT_BYTES_MAX = 256 * 1024  # one event, encoded, before compression
STORED_EVENT_BYTES_MAX = 16 * 1024 * 1024  # one event as read back; a longer one is damage
POSITION_MAX = 2**62  # no log is so long
STREAM_VERSIONS_KEPT = 10_000  # last versions of streams that the writer remembers
STORE_CACHE_KIB = 32 * 1024  # SQLite's page cache, of each connection
STORE_PAGE_BYTES = 2048
STORE_LOCK_SECONDS = 5.0  # waited for another program that has locked the database
STORE_CONNECTIONS_KEPT = 3  # open connections to the database between calls
STORE_CHECKPOINT_PAGES = 20_000  # pages in the WAL that start a checkpoint
STORE_WAL_BYTES_MAX = 64 * 1024 * 1024  # kept of a WAL after a checkpoint
OPEN_CHECK_EVENTS = 100  # of the log's end, decoded before it is used
VERIFY_PROBLEMS_MAX = 100  # told by one verify
SEGMENTS_PER_CALL_MAX = 20  # built by one call in the background
SEGMENT_BYTES_MAX = 256 * 1024 * 1024  # one segment, uncompressed
SNAPSHOT_BYTES_MAX = 512 * 1024 * 1024  # one snapshot, uncompressed
TRANSCRIPT_FRAME_BYTES = 1024 * 1024  # of one frame of a compressed transcript
TRANSCRIPT_READ_BYTES_MAX = 16 * 1024 * 1024  # given by one read
REPLAY_CHUNK_EVENTS = 5_000
SEGMENT_EVENTS = 1_000
SEGMENTS_READ_AHEAD = 8  # read and checked in one go by a fold of history
SNAPSHOT_EVERY_EVENTS = 10_000
SNAPSHOTS_KEPT_MAX = 200
COLLECTION_EVERY_SNAPSHOTS = 100  # searches of the whole state for cyclic garbage
SUBSCRIBER_QUEUE_EVENTS_MAX = 4_096  # beyond it a subscriber is cut with a position to resume from
COMMAND_MEMORY = 10_000  # commands whose first answer is remembered
LOG_PAGE_EVENTS_MAX = 1_000
RECENT_TURNS_MAX = 50  # of one agent, kept in the turns view
RECENT_MESSAGES_MAX = 100  # closed messages of one inbox, kept in the inbox view
INBOX_OPEN_MAX = 1_000  # unread messages of one inbox; more are refused to the sender

# Turns.
LINE_BYTES_MAX = 16 * 1024 * 1024  # one line of the CLI; a longer one is skipped and told
SPOOL_BYTES_MAX = 1024 * 1024 * 1024  # one turn's output
STDERR_BYTES_MAX = 256 * 1024
TURN_MESSAGES_MAX = 20  # messages given to one user line
TURN_LINES_MAX = 200  # user lines of one turn
TURN_MAIL_BYTES_MAX = 128 * 1024  # of mail put into one turn; a fresh conversation holds it
TURN_TOOL_CALLS_MAX = 10_000
TURN_UUIDS_MAX = 1_000  # user lines whose receipts are followed in one turn
TURN_TOOL_NAMES_MAX = 200  # different tools counted by name in one turn
TURN_MODELS_MAX = 20  # models told apart in one turn
TOOL_NAME_CHARS_MAX = 200
CLI_ID_CHARS_MAX = 200  # an id that the CLI made: of a request, a call, a session
ALLOW_COMMAND_CHARS_MAX = 65_536  # a longer shell command is not looked into, and refused
ALLOW_SHOWN_CHARS_MAX = 300  # of the allow list, in the reason for a refusal
IDLE_LIMIT_SECONDS = 600.0  # a silent CLI with nothing open
TOOL_LIMIT_SECONDS = 3_600.0  # one running tool, unless the agent's config says otherwise
LOOP_RESTART_SECONDS = 30.0  # before a loop of the supervisor that failed begins anew
START_LIMIT_SECONDS = 180.0  # from the host's start to the CLI's first line
INTERRUPT_WAIT_SECONDS = 3.0
TERM_WAIT_SECONDS = 2.0
END_TURNS_SECONDS = 30.0  # for the end of all running turns when hived stops
EXIT_WAIT_SECONDS = 5.0  # from the closing of stdin to the CLI's exit
HOST_CONNECT_SECONDS = 5.0
HOST_RETRY_SECONDS = 0.005  # between attempts to reach a host that is starting
HOST_DEAF_SECONDS = 30.0  # a host that has not ended its turn so long after a cancel is killed
HOST_CLEAR_SECONDS = 5.0  # until all that a dead host left is dead too
PROBE_SECONDS = 10.0  # to find out which containment can be made
ATTEMPTS_MAX = 5  # deliveries of one message before it is dead
RETRY_WAIT_SECONDS = 5.0  # doubles with each attempt
RETRY_WAIT_SECONDS_MAX = 600.0
RATE_LIMIT_WAIT_SECONDS = 60.0  # where the CLI named no reset time; doubles
RATE_LIMIT_WAIT_SECONDS_MAX = 3_600.0
LOGIN_PROBE_SECONDS = 900.0  # a refused credential is tried again by itself; doubles
LOGIN_PROBE_SECONDS_MAX = 21_600.0
CLOCK_LOOK_SECONDS = 60.0  # between looks at the wall clock in a long wait
CREDENTIAL_LOOK_SECONDS = 5.0  # between looks at a credential that an agent waits for
DEAD_LETTERS_TOLD_MAX = 20  # in one notice; of more it tells the number
HAND_OVER_MESSAGES = 10  # last messages handed to a fresh session
HAND_OVER_MAIL_BYTES_MAX = 64 * 1024  # of them together
NOTES_BYTES_MAX = 64 * 1024  # of the notes in a hand-over
NOTES_LIMIT_BYTES = 32 * 1024  # notes beyond it are compacted, unless the config says otherwise
COMPACT_AT_SHARE = 0.75  # of the window; beyond it the session is compacted after an ok turn
COMPACTION_LITTLE_SHARE = 0.8  # of the context left by a compaction: it freed little
THRASH_COMPACTIONS = 2  # in a row that freed little; no more by watermark then
NOTES_LIMIT_BYTES_MIN = 256  # the least that a configuration may say
NOTES_GROWTH_SHARE = 0.1  # by which notes must have grown before they are compacted again
NOTES_COMPACT_BYTES_MAX = 256 * 1024  # of notes put to the CLI to be rewritten
NOTES_HISTORY_MAX = 10  # old versions of an agent's notes
NOTES_WORDS_CHARS_MAX = 2 * NOTES_COMPACT_BYTES_MAX  # of a rewrite, taken from the CLI

# Costs.
SPEND_DAYS_MAX = 62  # days told apart; older ones are summed up
SPEND_MODELS_MAX = 100  # models told apart in a day; the others are summed up
SPEND_AGENTS_MAX = 3_000  # names of agents told apart, the gone ones too; the same
BUDGETS_LIFTED_MAX = 1_000  # budgets lifted for their window

# The agents' tools.
TOOL_ARGUMENT_CHARS_MAX = 1024 * 1024  # of one string; each tool has smaller bounds of its own
TOOL_NUMBER_MAX = 1e15
TOOL_LIST_MAX = 1_000
TOOL_ERROR_CHARS_MAX = 8_000  # of what a refused call tells the model
LOGS_LINES = 20  # of an agent's events, told by the tool `logs` if it is asked for no number
LOGS_LINES_MAX = 100
WHO_STATUSES_MAX = 100  # agents whose own words `who` tells; of more, names and states alone
LOGS_LINE_CHARS_MAX = 300
LOGS_TURNS = 5  # the last ones, told beside them
TOOL_THREADS_MAX = 4  # tool calls that read or write files at once

# Agents' own sockets, and the bridge to them.
MCP_LINE_BYTES_MAX = 4 * 1024 * 1024  # one line of a client
MCP_CALLS_MAX = 32  # tool calls of one connection at once
MCP_LAST_CALLS_SECONDS = 1.0  # for calls that run when the client sends no more
AGENT_CONNECTIONS_MAX = 8  # to the socket of one agent
AGENTS_CONNECTIONS_MAX = 512  # to the sockets of all agents
AGENT_SOCKET_RETRY_SECONDS = 30.0  # before a socket that could not be made is tried again
BRIDGE_LINE_BYTES_MAX = 64 * 1024 * 1024  # held by hived-mcp, to answer what is too long
BRIDGE_WAIT_SECONDS = 60.0  # for hived, at the start and where it is gone
BRIDGE_RETRY_SECONDS = 0.25
BRIDGE_STEADY_SECONDS = 5.0  # a connection that held so long counts as one

# Naps, questions, reminders, approvals.
NAP_SECONDS_MIN = 1.0
NAP_SECONDS_MAX = 86_400.0
NAP_REASON_CHARS_MAX = 500
RECV_WAIT_SECONDS_MAX = 180.0
RECV_MESSAGES_MAX = 32
RECV_BYTES_MAX = 64 * 1024  # of the messages of one answer; CLIs cut longer ones
QUESTION_CHARS_MAX = 8_000
QUESTION_OPTIONS_MAX = 20
QUESTION_OPTION_CHARS_MAX = 500
QUESTION_SECONDS_MIN = 1.0
QUESTION_SECONDS_MAX = 86_400.0 * 7
QUESTION_QUOTED_CHARS = 200  # where its end is told
QUESTIONS_OPEN_MAX = 50  # asked by one agent
RECENT_QUESTIONS_MAX = 500  # closed ones kept in the view
REMINDER_CHARS_MAX = 8_000
REMINDER_SECONDS_MAX = 86_400.0 * 366
REMINDERS_MAX = 50  # pending of one agent
APPROVALS_OPEN_MAX = 20  # requested by one agent
RECENT_APPROVALS_MAX = 500  # closed ones kept in the view
APPROVAL_NOTE_CHARS_MAX = 2_000
APPROVAL_DIFF_BYTES_MAX = 96 * 1024  # of a diff in the log; the whole is in the applied repo
APPROVAL_DIFF_JSON_MAX = 96 * 1024  # the same as it stands in the event, escaped
APPROVAL_PATHS_MAX = 200  # touched ones, or files in the state folder, that an event names
APPROVAL_PATHS_BYTES_MAX = 16 * 1024  # of all of them together
STAGED_WALK_MAX = 5_000  # entries of a state folder that are looked at
APPROVAL_WAIT_SECONDS = 20.0  # for what comes of an approval, before its caller is answered
APPLIED_TREES_KEPT = 5  # exported commits of an agent, beside the one it runs with
DRAFTS_MAX = 100
TOMBSTONES_MAX = 1_000
KEPT_ENTRIES_MAX = 1_000_000  # counted for the size of what is kept of one agent
KEPT_DEPTH_MAX = 100  # folders within one another, of those counted
KEPT_BATCH_ENTRIES = 10_000  # of one folder, deleted in one go
PURGE_WAIT_SECONDS = 20.0  # for the end of a deletion, before its caller is answered

# git on repositories that agents write to.
GIT_SECONDS = 30.0  # one run of git, as the clock goes
GIT_CPU_SECONDS = 5  # the same, as it computes
GIT_OUTPUT_BYTES_MAX = 16 * 1024 * 1024  # taken from one run
GIT_MEMORY_BYTES_MAX = 512 * 1024 * 1024  # address space of one run
GIT_FILE_BYTES_MAX = 128 * 1024 * 1024  # any one file that it writes
GIT_OPEN_FILES_MAX = 256
GIT_LOOSE_OBJECTS_MAX = 8_000  # files of objects in a proposed repo; git packs them at 6,700
GIT_COPY_BYTES_MAX = 64 * 1024 * 1024  # of a proposed repo's objects, as they are stored
GIT_NEW_OBJECTS_MAX = 20_000  # that a pinned commit brings with it, its history's included
GIT_NEW_BYTES_MAX = 64 * 1024 * 1024  # the same, unpacked
GIT_DELTA_DEPTH_MAX = 50  # of differences upon differences outside a commit, as git makes them
GIT_HISTORY_MAX = 1_000  # marks of one repo that are read back
GIT_NOTE_CHARS_MAX = 4_000  # of the reason in a tag

# The control socket.
REQUEST_BYTES_MAX = 1024 * 1024  # one line of a client
REQUEST_DEPTH_MAX = 32
BATCH_MAX = 100  # calls of one JSON-RPC batch
CONNECTIONS_MAX = 512
ANCESTORS_MAX = 1_000  # of a client's process, looked at to see whether it belongs to a turn
IN_FLIGHT_MAX = 64  # calls of one connection
SUBSCRIPTIONS_MAX = 16  # of one connection
HELLO_WAIT_SECONDS = 30.0  # a client that connects and says nothing
CLIENT_SEND_SECONDS = 10.0  # a client that does not read
OUTPUT_BYTES_MAX = 4 * 1024 * 1024  # waiting for one client; beyond it its calls wait
NOTIFICATION_BYTES_MAX = 1024 * 1024  # of rows in one notification, unless one row has more
SOCKET_READ_BYTES = 64 * 1024  # taken from a client at once
ACCEPT_WAIT_SECONDS = 0.2  # where no descriptor is free for a client
HALF_CLOSED_LOOK_SECONDS = 2.0  # between looks whether a client that sends no more still reads
BYE_SECONDS = 1.0  # for the last words to all clients
READ_THREADS_MAX = 4  # reads of the log and of past states at once
LOG_SCAN_EVENTS_MAX = 100_000  # looked at by one `log` call
LOG_PAGE_BYTES_MAX = 16 * 1024 * 1024  # of rows in one page; the page ends after it
TRANSCRIPT_PAGE_BYTES = 1024 * 1024  # looked at by one `transcript`, unless a line has more
WHY_CHAIN_MAX = 50  # events told by one `why`
FOLLOW_QUEUE_LINES_MAX = 4_096  # live lines waiting for one follower
FOLLOW_QUEUE_BYTES_MAX = 32 * 1024 * 1024
ENCODED_EVENTS_MAX = 8_192  # rows kept in their encoded form, for all subscribers
CLIENT_WORD_CHARS_MAX = 100
OPTIONS_MAX = 50  # a driver's own settings
CONFIG_BYTES_MAX = 96 * 1024  # one agent's whole configuration
CONFIG_DEPTH_MAX = 16  # brackets within one another, or parts of a dotted key
CONFIG_PROBLEMS_MAX = 20  # told of one text
CONFIG_PATH_CHARS_MAX = 400  # of a file within a configuration's folder
CONFIG_FILES_MAX = 1_000  # of one commit
CONFIG_FILE_BYTES_MAX = 1024 * 1024  # one file of a commit
CONFIG_TREE_BYTES_MAX = 8 * 1024 * 1024  # all files of a commit together
BUDGETS_MAX = 20  # of one agent, or of the hive
MCP_SERVERS_MAX = 20  # of one agent
POLICIES_MAX = 200
POLICY_GLOBS_MAX = 100  # paths of one policy
GLOB_CHARS_MAX = 400
QUIET_HOURS_MAX = 20
SETTING_SECONDS_MAX = 86_400.0 * 30  # any time limit in a configuration
PROGRESS_SECONDS = 0.2  # between notifications of one long read
DOCTOR_PROGRAM_SECONDS = 10.0  # for a program to tell its version
DOCTOR_PROGRAMS_MAX = 5  # CLIs asked for their version
DOCTOR_DISK_BYTES_MIN = 1024 * 1024 * 1024
DOCTOR_FILES_MIN = 4_096  # open files that a hive of AGENTS_MAX needs

# The rehearsal CLI.
SCENARIO_CHARS_MAX = 1024 * 1024
SCENARIO_NUMBER_MAX = 10_000_000_000  # of any number in it: seconds, bytes, tokens, a unix time
REHEARSAL_OUTPUT_CHARS_MAX = 30_000  # of one Bash call, as the real CLI cuts it
REHEARSAL_MCP_WAIT_SECONDS = 30.0  # for the hive's tools before the first turn
REHEARSAL_REPEATS_MAX = 1_000_000  # of one `say` step

# The client and hivectl.
ANSWER_SECONDS = 60.0  # longest silence of the daemon while an answer is awaited
ANSWER_BYTES_MAX = 64 * 1024 * 1024  # one line of the daemon
CLIENT_READ_BYTES = 256 * 1024  # taken from the socket at once
CLIENT_NOTIFICATIONS_MAX = 10_000  # waiting in the client while it waits for something else
LAST_WORDS_SECONDS = 1.0  # what the daemon said before it closed is waited for so long
SHOWN_CHARS_MAX = 600  # of a tool's input or output in a transcript for people
RECONNECT_SECONDS = 0.25  # between looks for a daemon that is gone; doubles
RECONNECT_SECONDS_MAX = 4.0
DAEMON_STOP_SECONDS = 60.0  # a daemon asked to stop is waited for so long

# The turn host. It imports nothing, so it repeats those marked *; a test holds them together.
HOST_STDIN_QUEUE_BYTES_MAX = 8 * 1024 * 1024  # * for a CLI that does not read
HOST_WRITE_BYTES_MAX = 4 * 1024 * 1024  # * one write
HOST_WRITES_MAX = 20_000  # * writes of one turn
HOST_WRITE_ID_CHARS_MAX = 128  # *
HOST_CLIENTS_MAX = 8  # * connections at once
HOST_CLIENT_QUEUE_BYTES_MAX = 4 * 1024 * 1024  # * for a client that does not read
HOST_STDERR_BYTES_MAX = STDERR_BYTES_MAX  # *
HOST_ENV_FILE_BYTES_MAX = 1024 * 1024  # *
HOST_TERM_WAIT_SECONDS = TERM_WAIT_SECONDS  # * from TERM to KILL for what the CLI left
HOST_WORDS_BYTES_MAX = 8 * 1024 * 1024  # one line of the host
SPOOL_CHUNK_BYTES = 256 * 1024  # read from the spool at once
