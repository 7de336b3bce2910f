"""The questions that the demo `customers` asks of the published tables, as a marketer would."""

from __future__ import annotations

CUSTOMER_QUESTIONS: tuple[tuple[str, str], ...] = (
    (
        "A customer enters the shop: what does the phone show her?",
        """SELECT rank, item, reason FROM recommendations
WHERE customer = (SELECT min(customer) FROM recommendations WHERE customer <> '*') AND list = 'for_you'
ORDER BY rank LIMIT 5""",
    ),
    (
        "And what that she has never had?",
        """SELECT rank, item, reason FROM recommendations
WHERE customer = (SELECT min(customer) FROM recommendations WHERE customer <> '*') AND list = 'new_for_you'
ORDER BY rank LIMIT 5""",
    ),
    (
        "How good is each list, beside what is simpler?",
        """SELECT list, method, has_skill, round(ndcg::numeric, 3) AS ndcg,
  round(ndcg_popularity::numeric, 3) AS popularity, round(ndcg_own_frequency::numeric, 3) AS own_frequency
FROM recommendation_details ORDER BY list""",
    ),
    (
        "Which groups of customers are there, and what will they spend in four weeks?",
        """SELECT segment, name, customers, round(expected_spend::numeric, 2) AS each,
  round((customers * expected_spend)::numeric) AS in_all
FROM segment_profiles ORDER BY in_all DESC NULLS LAST""",
    ),
    (
        "What is shown to somebody whom nobody knows?",
        """SELECT rank, item, reason FROM recommendations
WHERE customer = '*' AND list = 'for_you' ORDER BY rank LIMIT 5""",
    ),
)
