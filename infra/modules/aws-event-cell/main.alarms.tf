# What a person has to know of, by infra/objectives.json, and the place where it is announced.

locals {
  alarms = var.objectives.alarms

  # A consumer may have objectives of its own.
  consumer_alarms = { for name, _ in local.consumers : name => merge(local.alarms, lookup(var.objectives.consumers, name, {})) }

  function_alarms = { for name, _ in local.functions : name => lookup(local.consumer_alarms, name, local.alarms) }

  alarm_actions = [aws_sns_topic.alarms.arn]

  # By the objectives of cells, and what workers themselves say: each of their processes logs once in 30 s at most how long its latest events took
  # (core/cell/delays.ts), and with each attempt for how long another cell has not been reached (core/replication/replicate.ts).
  delays = {
    to-state = {
      description = "Some consumer takes longer to the state than the objective, for more than one of 100 events: npx polycell status."
      seconds     = var.objectives.cells.stateSeconds
    }
    lag = {
      description = "Events take longer to their other cell than the objective, more than one of 100, or it is not reached: npx polycell replicas status."
      seconds     = var.objectives.cells.lagSeconds
    }
    rpo = {
      description = "Another cell has not been reached for longer than the RPO that is the objective. Only the monitor at the edge knows the RPO itself."
      seconds     = var.objectives.cells.rpoSeconds
    }
  }

  # Which lines make which metric, in milliseconds.
  delay_lines = {
    to-state = { delay = "to-state", pattern = "{ $.message = \"how long events took\" && $.kind = \"state\" }", value = "$.p99Ms" }
    lag      = { delay = "lag", pattern = "{ $.message = \"how long events took\" && $.kind = \"copy\" }", value = "$.p99Ms" }
    away     = { delay = "lag", pattern = "{ $.failingMs >= 0 }", value = "$.failingMs" }
    rpo      = { delay = "rpo", pattern = "{ $.failingMs >= 0 }", value = "$.failingMs" }
  }

  delay_filters = merge([
    for name, function in local.hosted : {
      for line, made in local.delay_lines : "${name}-${line}" => merge(made, { function = name }) if function.bundle == "worker"
    }
  ]...)
}

resource "aws_sns_topic" "alarms" {
  name              = "${local.id}-alarms"
  kms_master_key_id = var.options.customer_managed_key ? aws_kms_key.cell[0].key_id : null
  tags              = local.tags
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Alarms"
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_sns_topic_subscription" "alarms" {
  for_each  = var.alarm_emails
  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

# A container says in its log what fails (main.containers.scaling.tf).
resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each            = local.hosted
  alarm_name          = "${local.id}-${each.key}-errors"
  alarm_description   = "The function ${each.key} fails: runs that threw, timed out or were killed."
  namespace           = local.in_functions ? "AWS/Lambda" : "Polycell/${local.id}"
  metric_name         = local.in_functions ? "Errors" : "Errors.${each.key}"
  dimensions          = { for name, function in aws_lambda_function.this : "FunctionName" => function.function_name if name == each.key }
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = local.function_alarms[each.key].errors.threshold
  period              = local.function_alarms[each.key].errors.periodSeconds
  evaluation_periods  = local.function_alarms[each.key].errors.evaluations
  datapoints_to_alarm = local.function_alarms[each.key].errors.breaching
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags
}

# Nothing throttles containers: they wait in queues, whose age has an alarm.
resource "aws_cloudwatch_metric_alarm" "throttles" {
  for_each            = local.lambdas
  alarm_name          = "${local.id}-${each.key}-throttles"
  alarm_description   = "The function ${each.key} is throttled: its concurrency or the account's is used up."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = aws_lambda_function.this[each.key].function_name }
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = local.function_alarms[each.key].throttles.threshold
  period              = local.function_alarms[each.key].throttles.periodSeconds
  evaluation_periods  = local.function_alarms[each.key].throttles.evaluations
  datapoints_to_alarm = local.function_alarms[each.key].throttles.breaching
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "relay_lag" {
  count               = local.in_cluster ? 0 : 1
  alarm_name          = "${local.id}-relay-lag"
  alarm_description   = "The relay is behind: events are stored and have not reached the bus."
  namespace           = local.in_functions ? "AWS/Lambda" : "Polycell/${local.id}"
  metric_name         = local.in_functions ? "IteratorAge" : "Lag.relay"
  dimensions          = { for name, function in aws_lambda_function.this : "FunctionName" => function.function_name if name == "relay" }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = local.alarms.relayLagSeconds.threshold * 1000
  period              = local.alarms.relayLagSeconds.periodSeconds
  evaluation_periods  = local.alarms.relayLagSeconds.evaluations
  datapoints_to_alarm = local.alarms.relayLagSeconds.breaching
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "queue_age" {
  for_each            = local.queues
  alarm_name          = "${local.id}-${each.key}-queue-age"
  alarm_description   = "The oldest message of ${each.key} has waited too long."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.consumer[each.key].name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = local.consumer_alarms[each.value.consumer].queueAgeSeconds.threshold
  period              = local.consumer_alarms[each.value.consumer].queueAgeSeconds.periodSeconds
  evaluation_periods  = local.consumer_alarms[each.value.consumer].queueAgeSeconds.evaluations
  datapoints_to_alarm = local.consumer_alarms[each.value.consumer].queueAgeSeconds.breaching
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  for_each            = local.consumers
  alarm_name          = "${local.id}-${each.key}-dead-letters"
  alarm_description   = "Messages of ${each.key} are in the dead-letter queue: they cannot be parked."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letter[each.key].name }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = local.consumer_alarms[each.key].deadLetters.threshold
  period              = local.consumer_alarms[each.key].deadLetters.periodSeconds
  evaluation_periods  = local.consumer_alarms[each.key].deadLetters.evaluations
  datapoints_to_alarm = local.consumer_alarms[each.key].deadLetters.breaching
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags
}

# Relay and consumers log an error whose message begins with "parked" for each event that they park.
resource "aws_cloudwatch_log_metric_filter" "parked" {
  for_each       = { for name, function in local.hosted : name => function if function.bundle != "http" }
  name           = "${local.id}-${each.key}-parked"
  log_group_name = aws_cloudwatch_log_group.function[each.key].name
  pattern        = "{ $.level = \"error\" && $.message = \"parked*\" }"

  metric_transformation {
    namespace     = "Polycell/${local.id}"
    name          = "Parked.${each.key}"
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "parked" {
  for_each            = aws_cloudwatch_log_metric_filter.parked
  alarm_name          = "${local.id}-${each.key}-parked"
  alarm_description   = "Events of ${each.key} are being parked: list them with polycell parked."
  namespace           = "Polycell/${local.id}"
  metric_name         = "Parked.${each.key}"
  statistic           = "Sum"
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = local.function_alarms[each.key].parked.threshold
  period              = local.function_alarms[each.key].parked.periodSeconds
  evaluation_periods  = local.function_alarms[each.key].parked.evaluations
  datapoints_to_alarm = local.function_alarms[each.key].parked.breaching
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags
}

resource "aws_cloudwatch_log_metric_filter" "delay" {
  for_each       = local.delay_filters
  name           = "${local.id}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.function[each.value.function].name
  pattern        = each.value.pattern

  # No default: without lines nothing is known.
  metric_transformation {
    namespace = "Polycell/${local.id}"
    name      = "Delay.${each.value.delay}"
    value     = each.value.value
    unit      = "Milliseconds"
  }
}

# A line is of one process and of half a minute, so the alarm goes by the slowest, and wants it twice in a row.
resource "aws_cloudwatch_metric_alarm" "delay" {
  for_each            = { for name, delay in local.delays : name => delay if !local.in_cluster }
  alarm_name          = "${local.id}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "Polycell/${local.id}"
  metric_name         = "Delay.${each.key}"
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.seconds * 1000
  period              = 300
  evaluation_periods  = 2
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags
}
