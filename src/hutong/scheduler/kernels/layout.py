"""Where things stand in the arrays that the kernels compute on: the places of columns.

`node` has one row a node, with the columns CPU to PART; PART is the most room on any chip that is
not wholly free. `need` has the places NEED_CPU to NEED_CPU_TOTAL: what a task takes, how many tasks
there are and how many of them an empty node holds. What a cycle places is a row with the columns
ADDED_ROW to ADDED_EXCLUSIVE. What runs has a column a slot in the table with the rows SLOT_END to
SLOT_WHOLE, of which those from SLOT_ROW on differ from share to share, and in one of marks.
"""

CPU = 0
MEM = 1
WHOLE = 2
DEBT = 3
SHARES = 4
CLOSED = 5
READY = 6
PART = 7
COLUMNS = 8

NEED_CPU = 0
NEED_MEM = 1
NEED_CHIPS = 2
NEED_MILLI = 3
NEED_TASKS = 4
NEED_EXCLUSIVE = 5
NEED_PER_NODE = 6
NEED_CPU_TOTAL = 7
NEED_PLACES = 8

NEXT = 2
BEFORE = 3

BLOCK = 64
STEPS = 17
WHOLE_MILLI = 1000

ADDED_ROW = 0
ADDED_END = 1
ADDED_BASIS = 2
ADDED_CPU = 3
ADDED_MEM = 4
ADDED_MILLI = 5
ADDED_WHOLE = 6
ADDED_FRACTION = 7
ADDED_EXCLUSIVE = 8
ADDED_COLUMNS = 9

SLOT_END = 0
SLOT_CLASS = 1
SLOT_TENANT = 2
SLOT_ATTEMPT = 3
SLOT_STARTED = 4
SLOT_EVICTABLE = 5
SLOT_SAVED = 6
SLOT_INTERVAL = 7
SLOT_WEIGHT = 8
SLOT_WEIGHT_CPU = 9
SLOT_ROW = 10
SLOT_CPU = 11
SLOT_MEM = 12
SLOT_MILLI = 13
SLOT_WHOLE = 14
SLOT_PLACES = 15

MARK_BASIS = 0
MARK_STOPPING = 1
MARK_FRACTION = 2
MARK_EXCLUSIVE = 3
MARKS = 4

SHARE_ROW = 0
SHARE_TASKS = 1
SHARE_SLOT = 2
SHARE_PLACES = 3
