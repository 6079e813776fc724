#include "quoin/test.h"

#include "main.c"

int main(void) {
	quoin_pacemaker_request *r = quoin_test_request(QUOIN_PACEMAKER_REQUEST_MAX);
	r->view = 101;
	r->certified_view = 100;
	r->max_ms = 20000;
	r->builtin_ms = 500;
	quoin_expect(timeout(r) == 500);
	r->m = 1;
	r->views[0] = (quoin_pacemaker_view){.view = 100, .ms = 100, .notarized = 1};
	quoin_expect(timeout(r) == 300); // 100 + 4·50
	r->certified_view = 98;
	quoin_expect(timeout(r) == 1200);
	r->certified_view = 100;
	r->m = 2;
	r->views[1] = (quoin_pacemaker_view){.view = 99, .ms = 100, .notarized = 1};
	r->views[0].ms = 200;
	quoin_expect(timeout(r) == 362); // a mean of 112.5 and a deviation of 62.5
	r->views[0].notarized = 0;
	quoin_expect(timeout(r) == 300);
	r->p = 1; // the byte behind the views
	quoin_expect(timeout(r) == 100);
	r->certified_view = 0;
	quoin_expect(timeout(r) == 20000);
	return quoin_test_end();
}
