# demo, test and lint work from a bare clone: tools/make_venv.sh makes .venv unless it is up to date.
.PHONY: demo test lint

# Training options of the demo: few steps, which end in minutes on two cores.
DEMO_ONESIDED ?= --load-size 160 --crop-size 96 --colours photo --batch-size 2 --steps 200
DEMO_CYCLEGAN ?= --load-size 160 --crop-size 64 --generator resnet6 --ngf 16 --steps 70 --student-steps 100
PY = .venv/bin/python

demo:
	@tools/make_venv.sh
	@if [ -e runs/demo ]; then \
	  old=runs/demo-$$(date +%Y%m%d-%H%M%S) && mv runs/demo $$old && echo "the previous runs/demo is now $$old"; \
	fi
	$(PY) -m training.cyclegan --run runs/demo $(DEMO_CYCLEGAN)
	$(PY) -m training.onesided --run runs/demo/onesided $(DEMO_ONESIDED)
	$(PY) -m export.tflite --run runs/demo --int8
	$(PY) -m export.benchmark --run runs/demo --json runs/demo/export/benchmark.json
	$(PY) -m training.evaluate --run runs/demo --model runs/demo/export/ab-256-int8.tflite
	$(PY) -m export.report --run runs/demo --beside runs/demo/onesided
	@echo "report: $(CURDIR)/runs/demo/report.html"

test:
	@tools/make_venv.sh test
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint:
	@tools/make_venv.sh test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
