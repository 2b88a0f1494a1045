# How many containers each part has, and how it shows that they fail: metrics from their logs, under the names that the alarms of functions have.

locals {
  # As in infra/kubernetes: two of what serves or relays, so that losing one is not felt; one consumer at least, as the first event would wait for it.
  container_counts = {
    for name, part in local.containers : name => {
      minimum = coalesce(try(var.options.containers[name].minimum, null), part.bundle == "worker" ? 1 : 2)
      maximum = coalesce(try(var.options.containers[name].maximum, null), max(coalesce(try(var.options.containers[name].minimum, null), 1), { http = 20, relay = 8, worker = 10 }[part.bundle]))
    }
  }

  # Messages that wait, by container, before another one is added.
  backlog = 500

  # What waits in both lanes, and how many containers there are: each sends one measurement a minute.
  backlog_metrics = {
    for name, part in local.containers : name => {
      main  = { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", stat = "Maximum", dimensions = { QueueName = "${local.id}-${name}" } }
      side  = { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", stat = "Maximum", dimensions = { QueueName = "${local.id}-${name}_side" } }
      count = { namespace = "AWS/ECS", metric = "CPUUtilization", stat = "SampleCount", dimensions = { ClusterName = local.id, ServiceName = "${local.id}-${name}" } }
    } if part.bundle == "worker"
  }
}

resource "aws_appautoscaling_target" "part" {
  for_each           = local.containers
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.cell[0].name}/${aws_ecs_service.part[each.key].name}"
  min_capacity       = local.container_counts[each.key].minimum
  max_capacity       = local.container_counts[each.key].maximum
  tags               = local.tags
}

# The load of the processors. Of the stream CloudWatch knows no backlog.
resource "aws_appautoscaling_policy" "load" {
  for_each           = { for name, part in local.containers : name => part if part.bundle != "worker" }
  name               = "load"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.part[each.key].service_namespace
  scalable_dimension = aws_appautoscaling_target.part[each.key].scalable_dimension
  resource_id        = aws_appautoscaling_target.part[each.key].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 70
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

resource "aws_appautoscaling_policy" "backlog" {
  for_each           = local.backlog_metrics
  name               = "backlog"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.part[each.key].service_namespace
  scalable_dimension = aws_appautoscaling_target.part[each.key].scalable_dimension
  resource_id        = aws_appautoscaling_target.part[each.key].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = local.backlog
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    customized_metric_specification {
      metrics {
        id          = "each"
        expression  = "(FILL(main, 0) + FILL(side, 0)) / FILL(count, 1)"
        label       = "Messages that wait, by container"
        return_data = true
      }

      dynamic "metrics" {
        for_each = each.value
        content {
          id          = metrics.key
          return_data = false

          metric_stat {
            stat = metrics.value.stat

            metric {
              namespace   = metrics.value.namespace
              metric_name = metrics.value.metric

              dynamic "dimensions" {
                for_each = metrics.value.dimensions
                content {
                  name  = dimensions.key
                  value = dimensions.value
                }
              }
            }
          }
        }
      }
    }
  }
}

# What a function's runs are counted as: everything that is logged as an error but what was parked, which has its alarm, and batches that fail.
resource "aws_cloudwatch_log_metric_filter" "errors" {
  for_each       = local.containers
  name           = "${local.id}-${each.key}-errors"
  log_group_name = aws_cloudwatch_log_group.function[each.key].name
  pattern        = "{ ($.level = \"error\" && $.message != \"parked*\") || $.message = \"a batch was not finished with*\" }"

  metric_transformation {
    namespace     = "Polycell/${local.id}"
    name          = "Errors.${each.key}"
    value         = "1"
    default_value = "0"
  }
}

# Each process of the relay logs once in 30 s at most how long its latest events took to the bus. One that relays nothing says nothing: it has
# errors, or does not run.
resource "aws_cloudwatch_log_metric_filter" "relay_lag" {
  for_each       = { for name, part in local.containers : name => part if part.bundle == "relay" }
  name           = "${local.id}-${each.key}-lag"
  log_group_name = aws_cloudwatch_log_group.function[each.key].name
  pattern        = "{ $.message = \"how long events took\" && $.kind = \"publish\" }"

  metric_transformation {
    namespace = "Polycell/${local.id}"
    name      = "Lag.relay"
    value     = "$.mostMs"
    unit      = "Milliseconds"
  }
}

# Each container sends one measurement a minute; without any, none runs.
resource "aws_cloudwatch_metric_alarm" "stopped" {
  for_each            = local.containers
  alarm_name          = "${local.id}-${each.key}-stopped"
  alarm_description   = "No container of ${each.key} runs."
  namespace           = "AWS/ECS"
  metric_name         = "CPUUtilization"
  dimensions          = { ClusterName = aws_ecs_cluster.cell[0].name, ServiceName = aws_ecs_service.part[each.key].name }
  statistic           = "SampleCount"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 5
  datapoints_to_alarm = 5
  treat_missing_data  = "breaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = local.tags
}
